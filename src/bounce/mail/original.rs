//! What is left of the letter that a report is about.
//!
//! Owns the reading of the returned head for whatever may carry a token of ours or name the recipient. Promises: values
//! as written, none of them trusted; bounded numbers of them.

use super::{address, decode, field::Fields};
use crate::mail::Original;

/// Nobody of ours writes to more recipients in one letter.
const ADDRESSES_MAX: usize = 100;

/// Reads the head of the returned letter.
pub(super) fn read(head: &Fields<'_>) -> Original {
    let first = |name: &str| {
        head.get(name)
            .map(|value| address::bare(&value).to_owned())
            .filter(|text| !text.is_empty())
    };
    Original {
        message_id: message_id(head),
        return_path: first("Return-Path"),
        list_unsubscribe: head
            .get("List-Unsubscribe")
            .map(|value| links(&value))
            .unwrap_or_default(),
        cfbl_address: head
            .get("CFBL-Address")
            .and_then(|value| Some(address::first(&value)?.address.to_owned())),
        cfbl_feedback_id: head
            .get("CFBL-Feedback-ID")
            .map(|value| value.trim().to_owned()),
        feedback_id: head.get("Feedback-ID").map(|value| value.trim().to_owned()),
        from: addresses(head, "From"),
        to: addresses(head, "To"),
    }
}

/// The Message-ID without its brackets.
pub(super) fn message_id(head: &Fields<'_>) -> Option<String> {
    let id = head.get("Message-ID")?;
    let id = id.trim().trim_matches(['<', '>']);
    (!id.is_empty()).then(|| id.to_owned())
}

/// The addresses in the fields of that name.
pub(super) fn addresses(head: &Fields<'_>, name: &str) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for value in head.all(name) {
        let value = decode::words(&value);
        for found in address::all(&value) {
            let known = list
                .iter()
                .any(|known| known.eq_ignore_ascii_case(found.address));
            if !known && list.len() < ADDRESSES_MAX {
                list.push(found.address.to_owned());
            }
        }
    }
    list
}

/// `<https://...>, <mailto:...>` (RFC 2369 §3).
fn links(value: &str) -> Vec<String> {
    let inner = value
        .split('<')
        .skip(1)
        .filter_map(|rest| rest.split('>').next());
    inner.take(8).map(|link| link.trim().to_owned()).collect()
}

/// To whom a letter went: its `To`, or else the `for` of its trace (RFC 5321 §4.4).
pub(super) fn recipients(head: &Fields<'_>) -> Vec<String> {
    let to = addresses(head, "To");
    if !to.is_empty() {
        return to;
    }
    let traces: Vec<_> = head.all("Received").collect();
    let named = traces.iter().filter_map(|trace| {
        let (_, rest) = trace.split_once(" for ")?;
        Some(address::first(rest.split(';').next()?)?.address.to_owned())
    });
    named.take(1).collect()
}
