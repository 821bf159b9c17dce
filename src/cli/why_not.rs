//! `postrider why-not`: would a letter to that address be sent now?
//!
//! Owns the walk through the gates, in the order in which a letter meets them. Promises: nothing is enqueued and nobody is
//! spoken to; each gate says whether it is open and by what. Leaves every gate's rule to its room; [`way`] has those
//! of the way.

mod quiet;
mod way;

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{
    failure::advice,
    out::Out,
    session::{self, Session, now},
    settings::Settings,
    table::Table,
};
use crate::{
    app::{desk, pacing::day_of},
    config::{self, Config},
    mail::{Address, Hold, HoldOn},
    policy::{StreamKind, Zone, suppress::stops},
    store::{SuppressionFilter, waiting::LINE_MAX},
};
use way::Way;

/// Say whether a letter to an address would be sent now, gate by gate.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 every gate is open; 1 one is shut, or it could not be looked at."
)]
pub(super) struct WhyNot {
    /// The recipient.
    #[arg(value_parser = Address::parse)]
    address: Address,
    /// The stream [default: the first of the configuration]
    #[arg(long)]
    stream: Option<String>,
    /// The domain of From [default: any with a key]
    #[arg(long, value_parser = crate::mail::Domain::parse)]
    from: Option<crate::mail::Domain>,
    /// The time zone of the reader [default: that of the stream's quiet hours]
    #[arg(long, value_name = "ZONE", value_parser = quiet::parse)]
    time_zone: Option<Zone>,
}

/// A gate.
struct Gate {
    name: &'static str,
    is_open: bool,
    says: String,
}

/// Entries of one address are few.
const ENTRIES: u32 = 20;
/// Holds in force are laid by hand.
const HOLDS: u32 = 1_000;

impl Gate {
    fn open(name: &'static str, says: String) -> Self {
        Self {
            name,
            is_open: true,
            says,
        }
    }

    fn shut(name: &'static str, says: String) -> Self {
        Self {
            name,
            is_open: false,
            says,
        }
    }
}

impl WhyNot {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let config = settings.config()?;
        let stream = self.stream(&config)?;
        let way = Way::find(&config, self.address.domain()).await?;
        let sources = way::sources(&config, stream);
        let mut gates = vec![self.sender(&config)?];
        let asked = session::with(settings, async |session| {
            let holds = session.store.holds(false, HOLDS).await?;
            let holds = holds.into_iter().map(|view| view.hold).collect();
            let routes = session.store.routes(None, None, now()).await?;
            let mut gates = vec![
                self.ledger(session, stream).await?,
                self.line(session).await?,
                quiet::gate(stream, self.time_zone.as_ref())?,
                way::route(&way),
                self.hold(holds, stream, way.as_ref().ok()),
            ];
            if let Ok(way) = &way {
                gates.push(way::pace(way, &sources, &routes));
                let caps = way::caps(&session.store, way, &sources, day_of(now())).await?;
                gates.push(way::daily(way, &sources, &routes, &caps));
            }
            Ok(gates)
        })
        .await?;
        gates.extend(asked);
        let is_open = gates.iter().all(|gate| gate.is_open);
        show(&gates, out)?;
        if !out.is_json() {
            let word = if is_open {
                "A letter would be sent now."
            } else {
                "A letter would not be sent now."
            };
            out.line(format!("\n{word}"))?;
        }
        Ok(ExitCode::from(u8::from(!is_open)))
    }

    fn stream<'a>(&self, config: &'a Config) -> Result<&'a config::Stream> {
        let found = match &self.stream {
            Some(name) => config.stream.iter().find(|stream| stream.name == *name),
            None => config.stream.first(),
        };
        found.ok_or_else(|| {
            let names: Vec<&str> = config
                .stream
                .iter()
                .map(|stream| stream.name.as_str())
                .collect();
            advice(
                "there is no such stream",
                format!("the streams are {}", names.join(", ")),
            )
        })
    }

    fn sender(&self, config: &Config) -> Result<Gate> {
        let registry = desk::registry(config)?;
        let domains = registry.senders;
        let signs =
            |from: &crate::mail::Domain| domains.iter().any(|domain| from.is_within(domain));
        let is_open = match &self.from {
            Some(from) => signs(from),
            None => !domains.is_empty(),
        };
        let says = if domains.is_empty() {
            "no domain has a signing key; `postrider dkim new DOMAIN` makes one".to_owned()
        } else {
            format!("keys of {}", domains.join(", "))
        };
        Ok(Gate {
            name: "sender",
            is_open,
            says,
        })
    }

    async fn ledger(&self, session: &Session, stream: &config::Stream) -> Result<Gate> {
        let filter = SuppressionFilter {
            address: Some(self.address.clone()),
            max: ENTRIES,
            ..SuppressionFilter::default()
        };
        let kind = match stream.kind {
            config::StreamKind::Transactional => StreamKind::Transactional,
            config::StreamKind::Trigger => StreamKind::Trigger,
            config::StreamKind::Marketing => StreamKind::Marketing,
        };
        let entries = session.store.suppressions(&filter).await?;
        let in_force = entries
            .iter()
            .filter(|entry| entry.until.is_none_or(|until| until > now()));
        let mut stopping = in_force.filter(|entry| stops(&entry.scope, &stream.name, kind));
        Ok(match stopping.next() {
            None => Gate {
                name: "suppression",
                is_open: true,
                says: format!("none that stops {}", stream.name),
            },
            Some(entry) => Gate {
                name: "suppression",
                is_open: false,
                says: format!(
                    "{} since {}, scope {}{}",
                    entry.reason.name(),
                    super::words::moment(entry.since),
                    entry.scope.name(),
                    entry.until.map_or_else(String::new, |until| format!(
                        ", until {}",
                        super::words::moment(until)
                    )),
                ),
            },
        })
    }

    fn hold(&self, holds: Vec<Hold>, stream: &config::Stream, way: Option<&Way>) -> Gate {
        let domain = self.address.domain();
        let is_on = |hold: &Hold| match &hold.on {
            HoldOn::All => true,
            HoldOn::Domain(held) => held == domain,
            HoldOn::Stream(held) => *held == stream.name,
            HoldOn::Provider(held) => way.is_some_and(|way| way.provider == *held),
            HoldOn::Site(held) => way.is_some_and(|way| way.site == *held),
            HoldOn::StreamAt(held, provider) => {
                *held == stream.name && way.is_some_and(|way| way.provider == *provider)
            }
            // Other sources of the pool may be open.
            HoldOn::Campaign(_) | HoldOn::CampaignAt(..) | HoldOn::Source(_) => false,
        };
        let name = "hold";
        match holds.into_iter().find(is_on) {
            None => Gate {
                name,
                is_open: true,
                says: "none on its way".to_owned(),
            },
            Some(hold) => Gate {
                name,
                is_open: false,
                says: format!("hold {} by {}: {}", hold.id.0, hold.author, hold.reason),
            },
        }
    }

    /// A long line before a letter is no shut gate, but an answer to "why not yet".
    async fn line(&self, session: &Session) -> Result<Gate> {
        let domain = self.address.domain().as_str();
        let says = match session.store.line_of(domain).await? {
            0 => "nobody before it".to_owned(),
            LINE_MAX.. => format!("{LINE_MAX} letters or more before it in the line of {domain}"),
            letters => format!("{letters} ready before it in the line of {domain}"),
        };
        Ok(Gate::open("queue", says))
    }
}

fn show(gates: &[Gate], out: &mut Out) -> Result<()> {
    if out.is_json() {
        let wire =
            |gate: &Gate| json!({"gate": gate.name, "open": gate.is_open, "says": gate.says});
        return gates.iter().try_for_each(|gate| out.json(&wire(gate)));
    }
    let mut table = Table::new(&["gate", "", "says"]);
    for gate in gates {
        table.row([
            gate.name,
            if gate.is_open { "open" } else { "shut" },
            &gate.says,
        ]);
    }
    out.line(table)
}
