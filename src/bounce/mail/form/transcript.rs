//! Sendmail's transcripts of the talk: `>>> RCPT To:<a>`, `<<< 550 ...`, `550 <a>... User unknown`.
//!
//! Owns old Sendmail (5.x), which has no list of addresses, and gateways that write like it.

use super::Case;
use crate::bounce::mail::{address, any_of::AnyOf, draft::Draft, reply};

pub(super) fn read(case: &Case<'_, '_>) -> Vec<Draft> {
    static HERE: AnyOf = AnyOf::in_any_case(&["transcript of session follows"]);
    static OTHER: AnyOf = AnyOf::in_any_case(&["fatal errors -----"]);
    let text = case.notice.text;
    if !HERE.is_in(text) || OTHER.is_in(text) {
        return Vec::new();
    }
    let mut talk = Talk::default();
    for line in text.lines().map(str::trim) {
        talk.take(line);
    }
    talk.drafts
}

#[derive(Default)]
struct Talk {
    drafts: Vec<Draft>,
    /// The last refusal that the other side said.
    refusal: Option<String>,
}

impl Talk {
    fn take(&mut self, line: &str) {
        if let Some(said) = line.strip_prefix("<<<").map(str::trim) {
            if reply::begins(said) {
                self.refusal = Some(said.to_owned());
            }
        } else if line.starts_with("While talking to") {
            self.refusal = None;
        } else if reply::begins(line) {
            self.outcome(line);
        }
    }

    /// `554 <a@b.example>... Remote protocol error`: the outcome for one address.
    fn outcome(&mut self, line: &str) {
        let Some((before, reason)) = line.split_once("...") else {
            return;
        };
        let Some(found) = address::first(before) else {
            return;
        };
        if self
            .drafts
            .iter()
            .any(|draft| draft.is_about(found.address))
        {
            return;
        }
        let said = self.refusal.take();
        let words = said.unwrap_or_else(|| format!("{} {}", &line[..3], reason.trim()));
        self.drafts.push(Draft::new(found.address, &words));
    }
}
