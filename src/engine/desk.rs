//! The desk: what the operator has set, as the engine reads it.
//!
//! Owns the settings of one engine in one place. Promises: read by every worker, changed by none but for what is
//! [`Live`]. Leaves reading them from a file to `app::desk`, and their meaning to the rooms whose words they are.

use std::collections::HashMap;

use super::{Limits, Live, Trust};
use crate::{
    compose::{Identity, Style, TemplateSet, lint::Gate},
    dkim::Keyring,
    policy::{Brakes, QuietHours, Shaping, StreamPolicy, warmup::Plans},
    route::{Family, FixedRoutes, Source, TlsPolicy},
    smtp::Timeouts,
};

/// What the operator has set.
pub struct Desk {
    /// How much at once, how long.
    pub limits: Limits,
    /// Policy and looks of each stream, by name.
    pub streams: HashMap<String, Stream>,
    /// For letters of a stream that is not configured any more.
    pub stray: StreamPolicy,
    /// Our own domains and tokens.
    pub identity: Identity,
    /// The templates.
    pub templates: Live<TemplateSet>,
    /// The signing keys.
    pub keyring: Live<Keyring>,
    /// Where we send from.
    pub sources: Vec<Source>,
    /// The pace that each provider likes.
    pub shaping: Live<Shaping>,
    /// Sources that are brought to their volume day by day.
    pub warmups: Plans,
    /// When campaigns are stopped; `None` never.
    pub brakes: Option<Brakes>,
    /// The name of this node among the others.
    pub node: String,
    /// Ways that the operator has fixed.
    pub fixed: FixedRoutes,
    /// Which IP versions, in which order.
    pub family: Family,
    /// TLS towards MX hosts.
    pub tls: TlsPolicy,
    /// Whether the MTA-STS policies of recipient domains are looked for and obeyed.
    pub mta_sts: bool,
    /// Whether letters go in chunks where that is offered (RFC 3030).
    pub chunking: bool,
    /// How certificates are looked at.
    pub trust: Trust,
    /// Patience at each stage of the talk.
    pub timeouts: Timeouts,
}

/// One kind of mail.
pub struct Stream {
    /// When to retry, when to give up.
    pub policy: StreamPolicy,
    /// Which headers it wears.
    pub style: Style,
    /// The names of the sources that its letters leave from; none is every source.
    pub pool: Vec<String>,
    /// What happens to a letter with flaws.
    pub lint: Gate,
    /// When its readers are left alone.
    pub quiet: Option<QuietHours>,
}
