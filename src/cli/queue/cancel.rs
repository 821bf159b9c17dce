//! `postrider queue cancel`: waiting letters that shall never leave.
//!
//! Owns the command. Promises: it has an author and a reason, and asks before it acts; letters in the hands of a worker
//! stay and are counted.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::{
    super::{
        failure::advice,
        out::{Out, say},
        session::{self, now},
        settings::Settings,
        words::count,
    },
    walk::{Author, walk, words},
};
use crate::{
    mail::{Domain, HoldId},
    store::Which,
};

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
                session
                    .store
                    .cancel_page(&which, &words, after, now())
                    .await
            });
            walked.await
        })
        .await?;
        let withdrew = format!("Withdrew {}.", count(cancelled, "letter"));
        let text = if leased == 0 {
            withdrew
        } else {
            let stay = count(leased, "letter");
            format!("{withdrew} {stay} in the hands of a worker stayed: try again in a moment.")
        };
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
        return Err(advice(
            format!("this withdraws {meant}, for good"),
            "add --yes if that is meant",
        ));
    }
    let mut terminal = std::io::stderr().lock();
    write!(terminal, "Withdraw {meant}, for good? [y/N] ").context("asking at the terminal")?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .context("reading the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
