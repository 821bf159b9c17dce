//! One reply, explained.
//!
//! Owns the reading of reply lines and both forms of the answer. Promises: a line that is no reply is named and stops no
//! other. Leaves meaning to `bounce`, fate to the judge behind [`Bench`].

use std::io::Read;

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    super::{
        out::{Out, say},
        pieces::Pieces,
        words::{plain, span},
    },
    outcome::{Bench, Outcome, Suppressed},
    talk::Talk,
};
use crate::{
    bounce,
    mail::{Class, Evidence, Fault, Finding, Reply, Term},
};

/// A reply has 512 octets (RFC 5321 §4.5.3.1.5), many of them in one line far fewer than this.
pub(super) const LINE_MAX_OCTETS: usize = 1 << 20;

/// A reply with all that is known of it.
pub(super) struct Explained {
    pub(super) reply: Reply,
    pub(super) finding: Option<Finding>,
    pub(super) outcome: Outcome,
}

impl Explained {
    pub(super) fn new(line: &str, talk: Talk, bench: &Bench) -> Option<Self> {
        let reply = bounce::reply_from_line(talk.stage, line)?;
        let (evidence, finding) = if reply.is_positive() {
            (Evidence::Accepted(reply.clone()), None)
        } else {
            let finding = bounce::classify(&reply, talk.provider);
            (Evidence::Refused(reply.clone()), Some(finding))
        };
        let outcome = bench.outcome(&evidence, finding.as_ref());
        Some(Self {
            reply,
            finding,
            outcome,
        })
    }
}

/// One reply per line; `true` when all could be read.
pub(super) fn explain_lines(
    reader: impl Read,
    talk: Talk,
    bench: &Bench,
    out: &mut Out,
) -> Result<bool> {
    let mut lines = Pieces::new(reader, LINE_MAX_OCTETS);
    let mut all_read = true;
    while let Some(line) = lines.next_line()? {
        let place = format!("line {}: ", line.number);
        all_read &= if let Ok(octets) = &line.octets {
            explain(&String::from_utf8_lossy(octets), &place, talk, bench, out)?
        } else {
            say(format!("{place}is longer than {LINE_MAX_OCTETS} octets"));
            false
        };
    }
    Ok(all_read)
}

/// Explains one line; `false` when it is no reply.
pub(super) fn explain(
    line: &str,
    place: &str,
    talk: Talk,
    bench: &Bench,
    out: &mut Out,
) -> Result<bool> {
    let Some(explained) = Explained::new(line.trim_end(), talk, bench) else {
        let start: String = plain(line).chars().take(60).collect();
        say(format!(
            "{place}`{start}` is no reply: it begins with a code of three digits, as in `550 5.1.1 No such user`"
        ));
        return Ok(false);
    };
    out.thing(&wire(&explained, talk), words(&explained, talk))?;
    Ok(true)
}

fn words(explained: &Explained, talk: Talk) -> String {
    let mut lines = vec![plain(&explained.reply.to_string())];
    if let Some(finding) = &explained.finding {
        let (fault, term) = (fault(finding.class), term(finding.term));
        let evidence = bounce::evidence(&explained.reply, talk.provider);
        lines.push(format!(
            "  class     {}: {fault}, {term}",
            finding.class.name()
        ));
        lines.push(format!("  rule      {}", finding.rule));
        lines.push(format!("  evidence  {}", plain(&evidence)));
        lines.extend(hint(finding));
    }
    lines.push(format!("  next      {}", explained.outcome.words()));
    lines.join("\n")
}

fn hint(finding: &Finding) -> Option<String> {
    let wait = finding
        .retry_after
        .map(|wait| format!("asks to wait {}", span(wait)));
    let grey = finding.greylisted.then(|| "is greylisting".to_owned());
    let said: Vec<String> = grey.into_iter().chain(wait).collect();
    (!said.is_empty()).then(|| format!("  hint      {}", said.join(", ")))
}

fn wire(explained: &Explained, talk: Talk) -> Value {
    let (reply, finding, outcome) = (&explained.reply, &explained.finding, &explained.outcome);
    let finding = finding.as_ref();
    let class = finding.map(|finding| finding.class);
    json!({
        "reply": reply.to_string(),
        "stage": talk.stage.name(),
        "provider": talk.provider.name(),
        "code": reply.code,
        "enhanced": reply.enhanced.map(|code| code.to_string()),
        "class": class.map(Class::name),
        "fault": class.map(|class| fault_name(class.fault())),
        "permanent": finding.map(|finding| finding.term == Term::Permanent),
        "rule": finding.map(|finding| finding.rule),
        "evidence": finding.map(|_| bounce::evidence(reply, talk.provider)),
        "greylisted": finding.is_some_and(|finding| finding.greylisted),
        "retry_after_seconds": finding.and_then(|f| f.retry_after).map(|wait| wait.as_secs()),
        "state": outcome.state,
        "due_in_seconds": outcome.due_in.map(|due| due.as_secs()),
        "hard": outcome.is_hard(),
        "suppressed_for_seconds": match outcome.suppressed {
            Suppressed::For(time) => Some(time.as_secs()),
            Suppressed::No | Suppressed::ForGood => None,
        },
    })
}

/// Whose fault, as people say it.
pub(super) const fn fault(class: Class) -> &'static str {
    match class.fault() {
        Fault::Recipient => "the recipient's fault",
        Fault::Sender => "our fault",
        Fault::Provider => "the provider's fault",
        Fault::Limit => "a limit between us and the provider",
    }
}

/// Whose fault, as programs read it.
pub(super) const fn fault_name(fault: Fault) -> &'static str {
    match fault {
        Fault::Recipient => "recipient",
        Fault::Sender => "sender",
        Fault::Provider => "provider",
        Fault::Limit => "limit",
    }
}

pub(super) const fn term(term: Term) -> &'static str {
    match term {
        Term::Permanent => "for good",
        Term::Transient => "for now",
    }
}
