//! Files of replies, for programs.
//!
//! Owns the JSON form. Promises: one line in, one line out, in order; memory is bounded by one line; a bad line is named
//! by its number on standard error and the rest goes on.

use std::{borrow::Cow, io::Read};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    super::{
        out::{Out, say},
        pieces::Pieces,
    },
    outcome::Bench,
    reply::{Explained, LINE_MAX_OCTETS},
    talk::{self, Talk},
};
use crate::mail::Provider;

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    line: Cow<'a, str>,
    provider: Option<Cow<'a, str>>,
    stage: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Answer<'a> {
    id: &'a RawValue,
    class: Option<&'static str>,
    hard: bool,
    rule: Option<&'a str>,
}

/// Answers every line; `true` when all could be read.
pub(super) fn explain(reader: impl Read, talk: Talk, bench: &Bench, out: &mut Out) -> Result<bool> {
    let mut lines = Pieces::new(reader, LINE_MAX_OCTETS);
    let mut all_read = true;
    while let Some(line) = lines.next_line()? {
        let octets = line.octets.as_ref();
        let why = match octets.map(|octets| std::str::from_utf8(octets)) {
            Err(_) => format!("is longer than {LINE_MAX_OCTETS} octets"),
            Ok(Err(_)) => "is not UTF-8 text".to_owned(),
            Ok(Ok(text)) => match serde_json::from_str::<Row<'_>>(text) {
                Err(error) => misread(&error),
                Ok(row) => match answer(&row, talk, bench, out)? {
                    Ok(()) => continue,
                    Err(why) => why,
                },
            },
        };
        all_read = false;
        say(format!("line {}: {why}", line.number));
    }
    Ok(all_read)
}

/// Each line is a JSON text of its own, so its number in the file is said elsewhere.
fn misread(error: &serde_json::Error) -> String {
    let why = error.to_string().replace(" at line 1 column", " at column");
    format!("cannot be read: {why}")
}

fn answer(row: &Row<'_>, talk: Talk, bench: &Bench, out: &mut Out) -> Result<Result<(), String>> {
    let talk = match overridden(row, talk) {
        Ok(talk) => talk,
        Err(why) => return Ok(Err(why)),
    };
    let Some(explained) = Explained::new(&row.line, talk, bench) else {
        return Ok(Err(
            "`line` is no reply: it begins with a code of three digits".to_owned(),
        ));
    };
    let finding = explained.finding.as_ref();
    out.json(&Answer {
        id: row.id,
        class: finding.map(|finding| finding.class.name()),
        hard: explained.outcome.is_hard(),
        rule: finding.map(|finding| finding.rule),
    })?;
    Ok(Ok(()))
}

fn overridden(row: &Row<'_>, talk: Talk) -> Result<Talk, String> {
    let stage = row.stage.as_deref().map(talk::stage).transpose()?;
    Ok(Talk {
        stage: stage.unwrap_or(talk.stage),
        provider: row.provider.as_deref().map_or(talk.provider, known),
    })
}

/// Files come from elsewhere and name providers in their own way; one that has no rules of its own counts as any other.
fn known(name: &str) -> Provider {
    match name {
        "microsoft" => Provider::Office365,
        "yahooinc" | "aol" => Provider::Yahoo,
        "icloud" => Provider::Apple,
        "mail.ru" => Provider::Mailru,
        name => talk::provider(name).unwrap_or(Provider::Other),
    }
}
