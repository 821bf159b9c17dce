//! `postrider queue hold|release|list|cancel`: a person's hand on what waits.
//!
//! Owns the commands. Promises: every hold, release and withdrawal has an author and every hold and withdrawal a reason; a
//! command that is broken off leaves nothing half done, and nodes that run finish holds and releases.

use std::{
    env,
    io::{IsTerminal, Write},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{
    failure::advice,
    out::{Out, say},
    session::{self, Session, now, unknown},
    settings::Settings,
    table::Table,
    words::{count, moment, moment_or_dash},
};
use crate::{
    mail::{Domain, Hold as Held, HoldId, HoldOn, Provider},
    port::StoreError,
    store::{HoldView, Laid, Page, Which},
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

#[derive(Debug, Args)]
pub(in super::super) struct Cancel {
    #[command(flatten)]
    meant: Meant,
    /// Why, in words for your colleagues.
    #[arg(long, value_parser = words)]
    reason: String,
    #[command(flatten)]
    author: Author,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// What is held.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// Letters to a mailbox operator: google, yahoo, outlook, office365, apple, gmx, mailru, yandex, rambler, other.
    #[arg(long, value_parser = provider)]
    provider: Option<Provider>,
    /// Letters to a set of MX hosts, by the name that `postrider letter show` gives.
    #[arg(long)]
    site: Option<String>,
    /// Letters to a recipient domain.
    #[arg(long, value_parser = Domain::parse)]
    domain: Option<Domain>,
    /// Letters of a campaign.
    #[arg(long)]
    campaign: Option<String>,
    /// Letters of a stream.
    #[arg(long)]
    stream: Option<String>,
    /// Every letter.
    #[arg(long)]
    all: bool,
}

/// What is withdrawn.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Meant {
    /// Letters to a recipient domain.
    #[arg(long, value_parser = Domain::parse)]
    domain: Option<Domain>,
    /// Letters of a campaign.
    #[arg(long)]
    campaign: Option<String>,
    /// Letters of a stream.
    #[arg(long)]
    stream: Option<String>,
    /// Letters under a hold: the way to withdraw what goes to one provider or site.
    #[arg(long, value_name = "NUMBER")]
    hold: Option<i32>,
    /// Every letter that waits.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct Author {
    /// Who does this [default: the user's name]
    #[arg(long, value_name = "NAME", value_parser = words)]
    author: Option<String>,
}

impl Target {
    fn on(self) -> HoldOn {
        let named = self.provider.map(HoldOn::Provider);
        let named = named.or_else(|| self.site.map(HoldOn::Site));
        let named = named.or_else(|| self.domain.map(HoldOn::Domain));
        let named = named.or_else(|| self.campaign.map(HoldOn::Campaign));
        let named = named.or_else(|| self.stream.map(HoldOn::Stream));
        named.unwrap_or(HoldOn::All)
    }
}

impl Meant {
    fn which(self) -> Which {
        let named = self
            .domain
            .map(|domain| Which::Domain(domain.as_str().to_owned()));
        let named = named.or_else(|| self.campaign.map(Which::Campaign));
        let named = named.or_else(|| self.stream.map(Which::Stream));
        let named = named.or_else(|| self.hold.map(|id| Which::Hold(HoldId(id))));
        named.unwrap_or(Which::All)
    }
}

impl Author {
    /// Whoever became root is still the one who does it.
    fn name(self) -> Result<String> {
        let user = || ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| env::var(name).ok());
        let name = self.author.or_else(user).filter(|name| !name.is_empty());
        name.ok_or_else(|| advice("nobody's name is known", "say who you are with --author"))
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
        HoldOn::Provider(_) | HoldOn::Site(_) => {
            "its letters are taken aside as they come to their turn".to_owned()
        }
        _ => format!("{} taken aside, others as they come", count(letters, "letter")),
    };
    format!("{name} is held by hold {}; {waiting}. `postrider queue release {}` lets it go.", id.0, id.0)
}

/// What the database knows to be meant goes at once; the way of a letter is known only to a node.
async fn hold_waiting(session: &Session, on: &HoldOn, id: HoldId) -> Result<u64> {
    let which = match on {
        HoldOn::All => Which::All,
        HoldOn::Domain(domain) => Which::Domain(domain.as_str().to_owned()),
        HoldOn::Campaign(name) => Which::Campaign(name.clone()),
        HoldOn::Stream(name) => Which::Stream(name.clone()),
        HoldOn::Provider(_) | HoldOn::Site(_) => return Ok(0),
    };
    let walked = walk(session, async |after| {
        session.store.hold_page(&which, id, after, now()).await
    });
    Ok(walked.await?.0)
}

/// Walks over the whole queue; letters moved, and letters in the hands of workers.
async fn walk(
    session: &Session,
    page: impl AsyncFn(Uuid) -> Result<Page, StoreError>,
) -> Result<(u64, u64)> {
    let progress = bar(session.store.queue_size().await?);
    let (mut after, mut moved, mut leased) = (Uuid::nil(), 0, 0);
    loop {
        let page = page(after).await?;
        let counts = [page.seen, page.moved, page.leased].map(|n| u64::try_from(n).unwrap_or(0));
        progress.inc(counts[0]);
        (moved, leased) = (moved + counts[1], leased + counts[2]);
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    progress.finish_and_clear();
    Ok((moved, leased))
}

fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    // The form is a constant; if it were wrong, the usual one would do.
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len}  {elapsed}") {
        bar.set_style(style);
    }
    bar
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
            return Err(unknown("hold in force with the number", &id.0.to_string(), next));
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
    for HoldView { hold, released, letters } in holds {
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

fn wire(HoldView { hold, released, letters }: &HoldView) -> Value {
    let Held { id, on, author, reason, since } = hold;
    let (released_at, released_by) = released.clone().unzip();
    json!({"hold": id.0, "on": on.kind(), "value": on.value(), "letters": letters, "since": since.to_string(),
        "author": author, "reason": reason, "released_at": released_at.map(|at| at.to_string()), "released_by": released_by})
}

impl Cancel {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let author = self.author.name()?;
        let which = self.meant.which();
        if !self.yes && !agrees(&which)? {
            say("Nothing was withdrawn.");
            return Ok(ExitCode::FAILURE);
        }
        let words = format!("withdrawn by {author}: {}", self.reason);
        let (cancelled, leased) = session::with(settings, async |session| {
            let walked = walk(session, async |after| {
                session.store.cancel_page(&which, &words, after, now()).await
            });
            walked.await
        })
        .await?;
        let mut text = format!("Withdrew {}.", count(cancelled, "letter"));
        if leased > 0 {
            let stay = count(leased, "letter");
            text.push_str(&format!(" {stay} in the hands of a worker stayed: try again in a moment."));
        }
        out.thing(&json!({"cancelled": cancelled, "leased": leased}), text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn agrees(which: &Which) -> Result<bool> {
    let meant = match which {
        Which::All => "EVERY letter that waits".to_owned(),
        Which::Domain(domain) => format!("every letter to {domain} that waits"),
        Which::Campaign(campaign) => format!("every letter of campaign {campaign} that waits"),
        Which::Stream(stream) => format!("every letter of stream {stream} that waits"),
        Which::Hold(id) => format!("every letter under hold {}", id.0),
    };
    if !std::io::stdin().is_terminal() {
        return Err(advice(format!("this withdraws {meant}, for good"), "add --yes if that is meant"));
    }
    let mut terminal = std::io::stderr().lock();
    write!(terminal, "Withdraw {meant}, for good? [y/N] ").context("asking at the terminal")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("reading the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn name(on: &HoldOn) -> String {
    match on {
        HoldOn::All => "everything".to_owned(),
        _ => format!("{} {}", on.kind(), on.value()),
    }
}

fn words(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_control) {
        return Err("some words on one line");
    }
    Ok(text.to_owned())
}

fn provider(text: &str) -> Result<Provider, String> {
    let known = || Provider::ALL.map(Provider::name).join(", ");
    Provider::parse(text).ok_or_else(|| format!("the providers are {}", known()))
}
