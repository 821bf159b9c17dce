//! `postrider queue hold|release|list`: what a person keeps here.
//!
//! Owns the commands. Promises: every hold has an author and a reason, every release an author; a command that is broken off
//! leaves nothing half done, and nodes that run finish it.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::{
    super::{
        out::{Out, say},
        session::{self, Session, now, unknown},
        settings::Settings,
        table::Table,
        words::{count, moment, moment_or_dash},
    },
    walk::{Author, bar, walk, words},
};
use crate::{
    mail::{Domain, Hold as Held, HoldId, HoldOn, Provider},
    store::{HoldView, Laid, Which},
};

/// Letters let go by one statement.
const BATCH: u32 = 2_000;

#[derive(Debug, Args)]
pub(in super::super) struct Hold {
    #[command(flatten)]
    target: Target,
    /// Why, in words for your colleagues.
    #[arg(long, value_parser = words)]
    reason: String,
    #[command(flatten)]
    author: Author,
}

#[derive(Debug, Args)]
pub(in super::super) struct Release {
    /// The holds, as `postrider queue list` numbers them.
    #[arg(required = true, value_name = "NUMBER")]
    holds: Vec<i32>,
    #[command(flatten)]
    author: Author,
}

#[derive(Debug, Args)]
pub(in super::super) struct List {
    /// With holds that were released.
    #[arg(long)]
    past: bool,
    /// Show no more than this.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u32,
}

/// What is held.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Target {
    /// Letters to a mailbox operator: google, yahoo, outlook, office365, apple, gmx, mailru, yandex, rambler, other.
    ///
    /// Together with --campaign: that campaign's letters to that operator only.
    #[arg(long, value_parser = provider, conflicts_with_all = ["site", "domain", "stream", "all"])]
    provider: Option<Provider>,
    /// Letters to a set of MX hosts, by the name that `postrider letter show` gives.
    #[arg(long, conflicts_with_all = ["domain", "campaign", "stream", "all"])]
    site: Option<String>,
    /// Letters to a recipient domain.
    #[arg(long, value_parser = Domain::parse, conflicts_with_all = ["campaign", "stream", "all"])]
    domain: Option<Domain>,
    /// Letters of a campaign.
    #[arg(long, conflicts_with_all = ["stream", "all"])]
    campaign: Option<String>,
    /// Letters of a stream.
    #[arg(long, conflicts_with = "all")]
    stream: Option<String>,
    /// Every letter.
    #[arg(long)]
    all: bool,
}

impl Target {
    fn on(self) -> HoldOn {
        if let (Some(campaign), Some(provider)) = (&self.campaign, self.provider) {
            return HoldOn::CampaignAt(campaign.clone(), provider);
        }
        let named = self.provider.map(HoldOn::Provider);
        let named = named.or_else(|| self.site.map(HoldOn::Site));
        let named = named.or_else(|| self.domain.map(HoldOn::Domain));
        let named = named.or_else(|| self.campaign.map(HoldOn::Campaign));
        let named = named.or_else(|| self.stream.map(HoldOn::Stream));
        named.unwrap_or(HoldOn::All)
    }
}

impl Hold {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let (author, on) = (self.author.name()?, self.target.on());
        let (laid, letters) = session::with(settings, async |session| {
            let laid = session.store.lay(&on, &author, &self.reason, now()).await?;
            let Laid::New(id) = laid else {
                return Ok((laid, 0));
            };
            Ok((laid, hold_waiting(session, &on, id).await?))
        })
        .await?;
        let name = name(&on);
        let (id, text) = match laid {
            Laid::New(id) => (id, held_words(&on, &name, id, letters)),
            Laid::Before(id) => (id, format!("{name} is held already, by hold {}.", id.0)),
        };
        let is_new = matches!(laid, Laid::New(_));
        let value = json!({"hold": id.0, "on": on.kind(), "value": on.value(), "new": is_new, "letters": letters});
        out.thing(&value, text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn held_words(on: &HoldOn, name: &str, id: HoldId, letters: u64) -> String {
    let waiting = match on {
        HoldOn::Provider(_) | HoldOn::Site(_) | HoldOn::CampaignAt(..) | HoldOn::StreamAt(..) => {
            "its letters are taken aside as they come to their turn".to_owned()
        }
        _ => format!(
            "{} taken aside, others as they come",
            count(letters, "letter")
        ),
    };
    format!(
        "{name} is held by hold {}; {waiting}. `postrider queue release {}` lets it go.",
        id.0, id.0
    )
}

/// What the database knows to be meant goes at once; the way of a letter is known only to a node.
async fn hold_waiting(session: &Session, on: &HoldOn, id: HoldId) -> Result<u64> {
    let which = match on {
        HoldOn::All => Which::All,
        HoldOn::Domain(domain) => Which::Domain(domain.as_str().to_owned()),
        HoldOn::Campaign(name) => Which::Campaign(name.clone()),
        HoldOn::Stream(name) => Which::Stream(name.clone()),
        HoldOn::Provider(_) | HoldOn::Site(_) | HoldOn::CampaignAt(..) | HoldOn::StreamAt(..) => {
            return Ok(0);
        }
    };
    let walked = walk(session, async |after| {
        session.store.hold_page(&which, id, after, now()).await
    });
    Ok(walked.await?.0)
}

impl Release {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let author = self.author.name()?;
        let ids: Vec<HoldId> = self.holds.iter().copied().map(HoldId).collect();
        let (lifted, letters) = session::with(settings, async |session| {
            let lifted = session.store.lift(&ids, &author, now()).await?;
            let waiting = session.store.holds(true, u32::MAX).await?;
            let waiting = waiting.iter().filter(|view| lifted.contains(&view.hold.id));
            let waiting: i64 = waiting.map(|view| view.letters).sum();
            let progress = bar(u64::try_from(waiting).unwrap_or(0));
            let mut letters = 0;
            loop {
                let moved = session.store.let_go(now(), BATCH).await?;
                progress.inc(moved);
                letters += moved;
                if moved == 0 {
                    break;
                }
            }
            progress.finish_and_clear();
            Ok((lifted, letters))
        })
        .await?;
        if let Some(id) = ids.iter().find(|id| !lifted.contains(id)) {
            let next = "`postrider queue list` shows the holds in force";
            return Err(unknown(
                "hold in force with the number",
                &id.0.to_string(),
                next,
            ));
        }
        let numbers: Vec<i32> = lifted.iter().map(|id| id.0).collect();
        let holds = count(numbers.len() as u64, "hold");
        let text = format!("Released {holds}; {} may go.", count(letters, "letter"));
        out.thing(&json!({"released": numbers, "letters": letters}), text)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let holds = session::with(settings, async |session| {
            Ok(session.store.holds(self.past, self.limit).await?)
        })
        .await?;
        if holds.is_empty() {
            say("Nothing is held.");
        } else if out.is_json() {
            for view in &holds {
                out.json(&wire(view))?;
            }
        } else {
            out.line(table(&holds))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn table(holds: &[HoldView]) -> Table {
    let mut table = Table::new(&["hold", "on", "letters", "since", "by", "reason", "released"]);
    for HoldView {
        hold,
        released,
        letters,
    } in holds
    {
        table.row([
            hold.id.0.to_string(),
            name(&hold.on),
            letters.to_string(),
            moment(hold.since),
            hold.author.clone(),
            hold.reason.clone(),
            moment_or_dash(released.as_ref().map(|(at, _)| *at)),
        ]);
    }
    table
}

fn wire(
    HoldView {
        hold,
        released,
        letters,
    }: &HoldView,
) -> Value {
    let Held {
        id,
        on,
        author,
        reason,
        since,
    } = hold;
    let (released_at, released_by) = released.clone().unzip();
    json!({"hold": id.0, "on": on.kind(), "value": on.value(), "letters": letters, "since": since.to_string(),
        "author": author, "reason": reason, "released_at": released_at.map(|at| at.to_string()), "released_by": released_by})
}

pub(super) fn name(on: &HoldOn) -> String {
    match on {
        HoldOn::CampaignAt(..) => format!("campaign {}", on.value()),
        HoldOn::StreamAt(..) => format!("stream {}, outside campaigns", on.value()),
        HoldOn::All => "everything".to_owned(),
        _ => format!("{} {}", on.kind(), on.value()),
    }
}

fn provider(text: &str) -> Result<Provider, String> {
    let known = || Provider::ALL.map(Provider::name).join(", ");
    Provider::parse(text).ok_or_else(|| format!("the providers are {}", known()))
}
