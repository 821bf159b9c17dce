//! `postrider why-not`: would a letter to that address be sent now?
//!
//! Owns the walk through the gates, in the order in which a letter meets them. Promises: nothing is enqueued and nobody is
//! spoken to; each gate says whether it is open and by what. Leaves every gate's rule to its room.

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
    app::{desk, names},
    config::{self, Config},
    mail::{Address, Hold, HoldOn, Provider},
    policy::{StreamKind, suppress::stops},
    port::Dns,
    route::{self, Plan},
    store::SuppressionFilter,
};

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

impl WhyNot {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let config = settings.config()?;
        let stream = self.stream(&config)?;
        let plan = self.plan(&config).await?;
        let mut gates = session::with(settings, async |session| {
            let ledger = self.ledger(session, stream).await?;
            let holds = session.store.holds(false, HOLDS).await?;
            let holds = holds.into_iter().map(|view| view.hold).collect();
            let lane = self.lane(session).await?;
            Ok(vec![
                ledger,
                self.hold(holds, stream, plan.as_ref().ok()),
                lane,
            ])
        })
        .await?;
        gates.insert(0, self.sender(&config)?);
        gates.push(way(&plan));
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

    fn hold(&self, holds: Vec<Hold>, stream: &config::Stream, plan: Option<&Plan>) -> Gate {
        let domain = self.address.domain();
        let is_on = |hold: &Hold| match &hold.on {
            HoldOn::All => true,
            HoldOn::Domain(held) => held == domain,
            HoldOn::Stream(held) => *held == stream.name,
            HoldOn::Provider(held) => plan.is_some_and(|plan| plan.provider == *held),
            HoldOn::Site(held) => plan.is_some_and(|plan| plan.site.as_str() == held),
            HoldOn::StreamAt(held, provider) => {
                *held == stream.name && plan.is_some_and(|plan| plan.provider == *provider)
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
    async fn lane(&self, session: &Session) -> Result<Gate> {
        let status = session.store.queue_status(u32::MAX >> 1).await?;
        let domain = self.address.domain().as_str();
        let lane = status.lanes.iter().find(|lane| lane.domain == domain);
        let says = lane.map_or_else(
            || "nobody before it".to_owned(),
            |lane| {
                format!(
                    "{} ready, {} waiting, {} held, {} in hand before it",
                    lane.ready, lane.waiting, lane.held, lane.leased
                )
            },
        );
        Ok(Gate {
            name: "queue",
            is_open: true,
            says,
        })
    }

    async fn plan(&self, config: &Config) -> Result<Result<Plan, String>> {
        let resolver = names::resolver(config)?;
        let domain = self.address.domain();
        let answer = resolver.mx(domain).await;
        Ok(route::plan(domain, &answer, 0.0).map_err(|why| why.to_string()))
    }
}

fn way(plan: &Result<Plan, String>) -> Gate {
    let name = "route";
    match plan {
        Ok(plan) => {
            let provider: Provider = plan.provider;
            let hosts: Vec<&str> = plan.hosts.iter().map(|host| host.name.as_str()).collect();
            let says = format!("{}: {}", provider.name(), hosts.join(", "));
            Gate {
                name,
                is_open: true,
                says,
            }
        }
        Err(why) => Gate {
            name,
            is_open: false,
            says: why.clone(),
        },
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
