//! `postrider letter list`: the newest letters, by what is known of them.

use anyhow::{Context, Result};
use clap::Args;

use super::super::{
    out::{Out, say},
    session::{self, now},
    settings::Settings,
    table::Table,
    words::{Since, count, moment},
};
use crate::{
    http::LetterBody,
    mail::{Address, State, Timestamp},
    store::{LetterFilter, LetterView},
};

/// Ids begin with their moment, so the newest letters come first and an older one ends the list.
#[derive(Debug, Args)]
pub(in super::super) struct List {
    /// Only letters in this state, such as queued, delivered, bounced.
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// Only letters of this stream.
    #[arg(long)]
    stream: Option<String>,
    /// Only letters of this campaign.
    #[arg(long)]
    campaign: Option<String>,
    /// Only letters to this address.
    #[arg(long, value_name = "ADDRESS", value_parser = Address::parse)]
    to: Option<Address>,
    /// Only letters since this moment, or of the last 2h, 3d, ...
    #[arg(long, value_name = "MOMENT|SPAN")]
    since: Option<Since>,
    /// Show no more than this.
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
}

impl List {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<()> {
        let since = self.since.map(|since| since.before(now()));
        let filter = LetterFilter {
            state: self.state,
            stream: self.stream,
            campaign: self.campaign,
            to_key: self.to.map(|to| to.key()),
            before: None,
            max: self.limit,
        };
        let letters = session::with(settings, async |session| {
            Ok(session.store.letters(&filter).await?)
        })
        .await?;
        let found = letters.len();
        let letters: Vec<LetterView> = letters
            .into_iter()
            .filter(|view| is_since(view, since))
            .collect();
        if letters.is_empty() {
            say("No letter is like that.");
        } else if out.is_json() {
            print(out, letters)?;
        } else {
            out.line(table(&letters))?;
            if found == filter.max as usize && letters.len() == found {
                let shown = count(found as u64, "letter");
                say(format!("The newest {shown}; --limit N shows more."));
            }
        }
        Ok(())
    }
}

/// UUIDv7 begins with 48 bits of milliseconds (RFC 9562 §5.7).
fn is_since(view: &LetterView, since: Option<Timestamp>) -> bool {
    let millis = view.id.0.as_u128() >> 80;
    since.is_none_or(|since| {
        u128::try_from(since.micros() / 1_000).is_ok_and(|since| millis >= since)
    })
}

fn print(out: &mut Out, letters: Vec<LetterView>) -> Result<()> {
    for view in letters {
        let body = LetterBody::new(view, Vec::new());
        let mut value = serde_json::to_value(&body).context("writing JSON")?;
        // A list tells where letters stand; `letter show` tells how they came there.
        if let Some(fields) = value.as_object_mut() {
            fields.remove("history");
        }
        out.json(&value)?;
    }
    Ok(())
}

fn table(letters: &[LetterView]) -> Table {
    let mut table = Table::new(&["id", "enqueued", "state", "stream", "to"]);
    for view in letters {
        let (enqueued, stream, to) = match &view.letter {
            Ok(letter) => (
                moment(letter.enqueued_at),
                letter.stream.clone(),
                letter.to.mailbox.address.to_string(),
            ),
            Err(broken) => ("-".to_owned(), "-".to_owned(), broken.fault.to_string()),
        };
        let (id, state) = (view.id.to_string(), view.state.name().to_owned());
        table.row([id, enqueued, state, stream, to]);
    }
    table
}

fn state(text: &str) -> Result<State, String> {
    State::parse(text).ok_or_else(|| {
        let known = State::ALL.map(State::name).join(", ");
        format!("the states are {known}")
    })
}
