//! The whole table of decisions, for a reader to review.

use super::*;
use crate::mail::{Unheard, Unsendable};

/// `R` retry, `B` bounced, `B!` and the address suppressed for good, `B7` for a week; then the signal: `+` the route
/// is good, `-` slow down, `x` dead, nothing.
fn cell(verdict: &Verdict) -> String {
    let fate = match (verdict.next, &verdict.suppress) {
        (Next::Retry { .. }, None) => "R",
        (Next::Finish(State::Bounced), None) => "B",
        (Next::Finish(State::Bounced), Some(entry)) if entry.until.is_none() => "B!",
        (Next::Finish(State::Bounced), Some(_)) => "B7",
        _ => "?",
    };
    let signal = match verdict.signal {
        Signal::Good => " +",
        Signal::SlowDown => " -",
        Signal::Dead => " x",
        Signal::Nothing => "",
    };
    format!("{fate}{signal}")
}

fn refusals(out: &mut String, title: &str, code: u16, term: Term) {
    let _ = write!(out, "\n{title:<17}");
    for stage in STAGES {
        let _ = write!(out, "|{:<9}", stage.name());
    }
    out.push('\n');
    for class in Class::ALL {
        let _ = write!(out, "{:<17}", class.name());
        for stage in STAGES {
            let evidence = Evidence::Refused(Reply::new(stage, code, "said so"));
            let found = finding(class, term);
            let verdict = judge(&young(), &evidence, Some(&found), &marketing(), NOW, 0.5);
            let _ = write!(out, "|{:<9}", cell(&verdict));
        }
        out.push('\n');
    }
}

fn others(out: &mut String) {
    let trouble = |stage, kind| Trouble::new(stage, kind, "words");
    let evidences = [
        Evidence::Accepted(Reply::new(Stage::FinalDot, 250, "2.0.0 Ok")),
        Evidence::Broken(trouble(Stage::Connect, TroubleKind::Refused)),
        Evidence::Broken(trouble(Stage::StartTls, TroubleKind::Tls)),
        Evidence::Broken(trouble(Stage::RcptTo, TroubleKind::Closed)),
        Evidence::LostReply(trouble(Stage::FinalDot, TroubleKind::TimedOut)),
        Evidence::Unheard(Unheard::ProcessDied),
        Evidence::Unheard(Unheard::NodeSilent),
        Evidence::Unroutable(Unroutable::NoSuchDomain),
        Evidence::Unroutable(Unroutable::NoMailHost),
        Evidence::Unroutable(Unroutable::NullMx),
        Evidence::Unroutable(Unroutable::DnsTrouble("SERVFAIL".to_owned())),
        Evidence::Unsendable(Unsendable::new("template", "unknown")),
        Evidence::Suppressed(Reason::Complaint),
        Evidence::Cancelled,
        Evidence::Stale { valid_until: NOW },
    ];
    let old = case(Duration::from_hours(30 * 24), None);
    let stale = case(Duration::from_mins(1), Some(Duration::from_secs(30)));
    for (name, case) in [
        ("young", young()),
        ("too old", old),
        ("stale by the next try", stale),
    ] {
        for in_doubt in [InDoubt::Retry, InDoubt::Hold] {
            let _ = writeln!(out, "\nletter {name}, when in doubt {in_doubt:?}");
            let policy = StreamPolicy {
                in_doubt,
                ..marketing()
            };
            for evidence in &evidences {
                let verdict = judge(&case, evidence, None, &policy, NOW, 0.5);
                let text = verdict.event.text.as_deref().unwrap_or("-");
                let _ = writeln!(out, "  {:<75} | {text}", told(&verdict));
            }
        }
    }
}

#[test]
fn the_table_of_decisions() {
    let mut out = "R retry, B bounced, B! and suppressed for good, B7 for 7 days; route: + good, - slow down, x dead\n".to_owned();
    refusals(&mut out, "4xx", 450, Term::Transient);
    refusals(&mut out, "421", 421, Term::Transient);
    refusals(&mut out, "5xx", 550, Term::Permanent);
    refusals(&mut out, "5xx, softened", 550, Term::Transient);
    others(&mut out);
    insta::assert_snapshot!("table", out);
}
