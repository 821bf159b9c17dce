//! One letter's story, for people.
//!
//! Owns its form: what was asked, what happened and how long each wait was, what happens next. Pure: the letter, its
//! history and this moment go in, a text comes out.

use std::{fmt::Write, time::Duration};

use super::super::words::{moment, plain, span};
use crate::{
    mail::{Class, Content, Event, EventKind, Letter, Mailbox, State, Timestamp},
    store::{HistoryLine, LetterView},
};

/// The story as lines.
pub(super) fn tell(view: &LetterView, history: &[HistoryLine], now: Timestamp) -> String {
    let mut story = Story(format!("letter {}: {}", view.id, view.state.name()));
    match &view.letter {
        Ok(letter) => story.asked(letter),
        Err(broken) => story.fact("broken", &broken.fault.to_string()),
    }
    story.fact("priority", &view.priority.to_string());
    story.happened(history);
    // Words that came later than the end do not change what it means.
    let ends = |line: &&HistoryLine| line.event.kind.name() == view.state.name();
    let end = history.iter().rfind(ends).filter(|_| view.state.is_final());
    let end = end.or(history.last());
    story.next(view, end, now);
    story.0
}

struct Story(String);

impl Story {
    fn line(&mut self, text: &str) {
        self.0.push('\n');
        self.0.push_str(text);
    }

    fn fact(&mut self, name: &str, value: &str) {
        self.line(&format!("  {name:<12}{}", plain(value)));
    }

    fn known(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.fact(name, value);
        }
    }

    fn asked(&mut self, letter: &Letter) {
        self.fact("to", &mailbox(&letter.to.mailbox));
        self.known("locale", letter.to.locale.as_deref());
        self.known("time zone", letter.to.time_zone.as_deref());
        self.fact("from", &mailbox(&letter.from));
        self.known("reply to", letter.reply_to.as_ref().map(mailbox).as_deref());
        self.fact("stream", &letter.stream);
        self.known("campaign", letter.campaign.as_deref());
        self.fact("content", &content(&letter.content));
        if !letter.tags.is_empty() {
            self.fact("tags", &letter.tags.join(", "));
        }
        self.fact("enqueued", &moment(letter.enqueued_at));
        self.known("send at", letter.send_at.map(moment).as_deref());
        self.known("valid until", letter.valid_until.map(moment).as_deref());
    }

    fn happened(&mut self, history: &[HistoryLine]) {
        self.line("\nhistory (UTC)");
        if history.is_empty() {
            self.line("  none is kept any more");
        }
        let mut before = None;
        for line in history {
            self.line(&format!(
                "  {}{}",
                moment(line.event.at),
                waited(before, line.event.at)
            ));
            self.line(&format!("    {}", headline(&line.event)));
            let details = [refusal(&line.event), reason(&line.event), attempt(line)];
            for detail in details.into_iter().flatten() {
                self.line(&format!("      {}", plain(&detail)));
            }
            before = Some(line.event.at);
        }
    }

    fn next(&mut self, view: &LetterView, last: Option<&HistoryLine>, now: Timestamp) {
        let before = last.map(|line| line.event.kind);
        let text = match (view.state, view.due_at) {
            (State::Queued, Some(due)) if due > now => {
                let waits = match before {
                    Some(EventKind::Postponed) => "its reader is left alone",
                    _ => "waits",
                };
                let wait = span(due.since(now));
                format!("next: {waits} until {} (in {wait})", moment(due))
            }
            (State::Queued, None) if before == Some(EventKind::Held) => {
                "next: stays until its hold is released; see `postrider queue list`".to_owned()
            }
            (State::Queued, _) => "next: leaves as soon as a worker has room".to_owned(),
            (State::Leased, Some(until)) => {
                format!(
                    "next: a worker has it; its lease ends at {} unless renewed",
                    moment(until)
                )
            }
            (State::Leased, None) => "next: a worker has it".to_owned(),
            (state, _) => meaning(state, last).to_owned(),
        };
        self.line(&format!("\n{text}"));
    }
}

/// What a final state means, in a sentence.
fn meaning(state: State, last: Option<&HistoryLine>) -> &'static str {
    let is_local = last.is_some_and(|line| line.host.is_none());
    // A report has no attempt of ours; whatever is found on the way out has one.
    let is_late = last.is_some_and(|line| line.event.attempt.is_none());
    match state {
        State::Delivered => "The receiver has taken it. A bounce may still come back.",
        State::Bounced if is_late => {
            "The receiver had taken it, and reported later that it did not arrive."
        }
        State::Bounced if is_local => "It could not be handed over, and will not be tried again.",
        State::Bounced => "The receiver has refused it for good; it will not be tried again.",
        State::Expired => "It was given up: too old, or no longer worth sending.",
        State::Suppressed => "It was not sent, because the recipient is not written to.",
        State::Cancelled => "It was withdrawn before it left.",
        State::Failed => "It could not be written; nothing was sent.",
        State::InDoubt => {
            "The receiver has it or not, nobody knows; its stream does not send it again."
        }
        State::Queued | State::Leased => "It is on its way.",
    }
}

fn headline(event: &Event) -> String {
    let kind = match event.kind {
        EventKind::InDoubt if event.due.is_some() => "in doubt, so it goes again",
        EventKind::InDoubt => "in doubt",
        EventKind::LeaseExpired => {
            "lease expired: its node was silent too long, and nobody came back for it"
        }
        EventKind::LateOutcome => "late outcome: told by a worker that had lost its lease",
        kind => kind.name(),
    };
    let attempt = event
        .attempt
        .filter(|attempt| *attempt > 0)
        .map_or_else(String::new, |number| format!("attempt {number}: "));
    let due = event
        .due
        .map_or_else(String::new, |due| format!(", waits until {}", moment(due)));
    format!("{attempt}{kind}{due}")
}

fn refusal(event: &Event) -> Option<String> {
    let mut words = Vec::new();
    words.extend(event.code.map(|code| code.to_string()));
    let text = event.text.as_deref().unwrap_or_default();
    // A reply's text usually begins with the enhanced code.
    let enhanced = event.enhanced.map(|code| code.to_string());
    words.extend(enhanced.filter(|code| !text.starts_with(code.as_str())));
    words.extend((!text.is_empty()).then(|| text.replace('\n', " ")));
    if words.is_empty() {
        return None;
    }
    let stage = event.stage.map_or("", crate::mail::Stage::name);
    let stage = stage.replace('_', " ");
    Some(
        format!("{stage}: {}", words.join(" "))
            .trim_start_matches(": ")
            .to_owned(),
    )
}

fn reason(event: &Event) -> Option<String> {
    let class = event
        .class
        .map(|class| format!("class {}", Class::name(class)));
    let rule = event.rule.as_ref().map(|rule| format!("rule {rule}"));
    let words: Vec<String> = class.into_iter().chain(rule).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn attempt(line: &HistoryLine) -> Option<String> {
    let mut words = Vec::new();
    let remote = line.remote.as_ref();
    words.extend(line.host.as_ref().map(|host| match remote {
        Some(remote) => format!("{host} [{remote}]"),
        None => host.clone(),
    }));
    words.extend(line.provider.clone());
    words.extend(line.source.as_ref().map(|source| format!("from {source}")));
    words.extend(line.host.is_some().then(|| {
        let clear = || "in clear".to_owned();
        line.tls.clone().unwrap_or_else(clear)
    }));
    words.extend(
        line.prepare_us
            .map(|us| format!("prepared in {}", micros(us))),
    );
    words.extend(line.talk_us.map(|us| format!("talked {}", micros(us))));
    words.extend(line.size_bytes.map(|size| format!("{size} octets")));
    (!words.is_empty()).then(|| words.join(", "))
}

fn micros(micros: i32) -> String {
    span(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}

fn waited(before: Option<Timestamp>, at: Timestamp) -> String {
    before.map_or_else(String::new, |before| {
        format!("  +{}", span(at.since(before)))
    })
}

fn mailbox(mailbox: &Mailbox) -> String {
    match &mailbox.name {
        Some(name) => format!("{name} <{}>", mailbox.address),
        None => mailbox.address.to_string(),
    }
}

fn content(content: &Content) -> String {
    let (mut text, parts) = match content {
        Content::Template { name, parts, .. } => (format!("template {name}"), parts.len()),
        Content::Texts { html, parts, .. } => {
            let kind = html.as_ref().map_or("text", |_| "HTML");
            (format!("ready {kind}"), parts.len())
        }
        Content::Raw(raw) => (format!("a raw message of {} octets", raw.len()), 0),
    };
    if parts > 0 {
        // Writing into a String cannot fail.
        let _ = write!(text, ", attachments: {parts}");
    }
    text
}
