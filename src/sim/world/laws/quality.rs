//! Promise 5: every letter leaves correct.
//!
//! Owns the law about what lies in mailboxes. Structure and signatures are looked at by the receivers' own inspector.

use mail_parser::MessageParser;

use super::{Breaches, Facts};
use crate::{
    mail::Letter,
    sim::world::{book::Copy, desk::HOLDING},
    token::Kind,
};

/// Every copy is well-formed, signed so that strangers verify it, and names its own letter everywhere.
pub(super) fn every_letter_leaves_correct(facts: &Facts) -> Breaches {
    let mut breaches = Breaches::new();
    for (queue_id, copy) in &facts.pages.copies {
        let faults = copy
            .findings
            .iter()
            .map(|(finding, words)| format!("{finding:?}: {words}"));
        let faults = faults.chain(match facts.letter(&copy.return_path) {
            Some(letter) => strays(facts, letter, copy),
            None => vec![format!(
                "its return path {} names no letter",
                copy.return_path
            )],
        });
        breaches.extend(faults.map(|fault| format!("{queue_id} to {}: {fault}", copy.recipient)));
    }
    breaches
}

/// Where a copy does not say what its letter says.
fn strays(facts: &Facts, letter: &Letter, copy: &Copy) -> Vec<String> {
    let mut strays = Vec::new();
    let Some(message) = MessageParser::default().parse(&copy.raw) else {
        return vec!["it cannot be read".to_owned()];
    };
    if copy.recipient != letter.to.mailbox.address.to_string() {
        strays.push(format!("its letter was for {}", letter.to.mailbox.address));
    }
    let local = message.message_id().and_then(|id| id.split('@').next());
    let named =
        local.and_then(|local| facts.identity.tokens().decode_local(Kind::MessageId, local));
    if named.is_none_or(|named| named.id != letter.id) {
        strays.push("its Message-ID names another letter".to_owned());
    }
    let (found, wanted) = (message.body_text(0), text(letter));
    let found = found.unwrap_or_default().replace("\r\n", "\n");
    if found.trim_end() != wanted {
        strays.push(format!(
            "it says {:?} instead of {wanted:?}",
            found.trim_end()
        ));
    }
    let has_click = message.header_raw("List-Unsubscribe-Post").is_some();
    if has_click != (letter.stream == HOLDING) {
        strays.push("one-click unsubscribe is not as its stream asks for".to_owned());
    }
    strays
}

fn text(letter: &Letter) -> &str {
    match &letter.content {
        crate::mail::Content::Texts { text, .. } => text.as_deref().unwrap_or_default(),
        _ => "",
    }
}
