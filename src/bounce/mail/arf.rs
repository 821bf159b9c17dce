//! Feedback reports (RFC 5965, RFC 6591, RFC 9477).
//!
//! Owns the reading of their fields and the way to the complainant's address, in the order of trust: the report's own
//! fields, a header that the provider put in for this, the head of the returned letter. Promises: repeated, missing and
//! mistyped fields cost no others; a date that cannot be read stays as written; an address that the reporter hid is
//! never taken for one. The better ways, our tokens in return path and Message-ID, are for whoever knows the keys.

use std::borrow::Cow;

use super::{address, date, field::Fields, original};
use crate::mail::{Complaint, RcptSource};

/// Fields of a report that name the complainant.
const REPORT_FIELDS: [&str; 2] = ["Original-Rcpt-To", "Removal-Recipient"];
/// Headers in which providers tell to whom the letter went.
const PROVIDER_HEADERS: [&str; 4] = [
    "X-HmXmrOriginalRecipient",
    "X-Apparently-To",
    "X-Original-To",
    "Delivered-To",
];
/// Local parts under which reporters hide their users.
const MASKS: [&str; 5] = ["redacted", "undisclosed", "hidden", "removed", "anonymous"];

/// Reads the machine part. `None` where it has no field of a feedback report.
pub(super) fn read(text: &str) -> Option<Complaint> {
    let (fields, _) = Fields::split(text.trim_start().as_bytes());
    let known = [
        "Feedback-Type",
        "User-Agent",
        "Version",
        "Original-Mail-From",
        "Source-IP",
    ];
    known
        .iter()
        .any(|name| fields.has(name))
        .then(|| complaint(&fields))
}

fn complaint(fields: &Fields<'_>) -> Complaint {
    let text = |name: &str| {
        fields
            .get(name)
            .map(Cow::into_owned)
            .filter(|value| !value.is_empty())
    };
    let bare = |name: &str| {
        text(name)
            .map(|value| address::bare(&value).to_owned())
            .filter(|value| !value.is_empty())
    };
    let arrival_date = text("Arrival-Date").or_else(|| text("Received-Date"));
    let mut complaint = Complaint {
        feedback_type: text("Feedback-Type")
            .unwrap_or_default()
            .to_ascii_lowercase(),
        user_agent: text("User-Agent"),
        version: text("Version"),
        source_ip: text("Source-IP").and_then(|ip| ip.split_whitespace().next().map(str::to_owned)),
        arrived_at: arrival_date.as_deref().and_then(date::read),
        arrival_date,
        original_mail_from: bare("Original-Mail-From"),
        redacted: fields.has("Redacted-Address"),
        reported_domain: text("Reported-Domain"),
        original_message_id: bare("Original-Message-ID").or_else(|| bare("Message-ID")),
        original_envelope_id: text("Original-Envelope-Id"),
        auth_failure: text("Auth-Failure").map(|what| what.to_ascii_lowercase()),
        incidents: text("Incidents")
            .and_then(|count| count.parse().ok())
            .unwrap_or(1),
        ..Complaint::default()
    };
    let named = REPORT_FIELDS.iter().flat_map(|name| fields.all(name));
    take_addresses(
        &mut complaint,
        named.map(|value| address::bare(&value).to_owned()),
        RcptSource::Report,
    );
    complaint
}

/// Looks for the complainant in the returned letter, where the report itself does not tell, and for its Message-ID.
pub(super) fn complete(complaint: &mut Complaint, letter: &Fields<'_>) {
    if complaint.original_message_id.is_none() {
        complaint.original_message_id = original::message_id(letter);
    }
    for name in PROVIDER_HEADERS {
        // "X-Apparently-To: a@b.example via 192.0.2.1; Thu, ..."
        let named = letter
            .all(name)
            .filter_map(|value| Some(address::first(&value)?.address.to_owned()));
        take_addresses(complaint, named.take(1), RcptSource::ProviderHeader);
    }
    take_addresses(
        complaint,
        original::addresses(letter, "To"),
        RcptSource::OriginalHeaders,
    );
    complaint.redacted |= complaint.original_rcpt_to.is_empty();
}

/// Takes addresses, unless better ones are known already.
fn take_addresses(
    complaint: &mut Complaint,
    list: impl IntoIterator<Item = String>,
    from: RcptSource,
) {
    if complaint.rcpt_source.is_some_and(|known| known < from) {
        return;
    }
    for named in list {
        let Some(found) = address::first(&named) else {
            continue;
        };
        let local = found
            .address
            .split('@')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        if MASKS.contains(&local.as_str()) {
            complaint.redacted = true;
            continue;
        }
        let known = complaint
            .original_rcpt_to
            .iter()
            .any(|known| known.eq_ignore_ascii_case(found.address));
        if !known {
            complaint.original_rcpt_to.push(found.address.to_owned());
            complaint.rcpt_source = Some(from);
        }
    }
}
