//! Events of `SendGrid`: a list of objects in JSON, as its webhook posts them and as its older list of bounces gives them.

use serde_json::Value;

use super::Case;
use crate::{
    bounce::mail::draft::Draft,
    mail::{Action, Complaint, EnhancedCode, RcptSource},
};

pub(super) fn read(case: &Case<'_, '_>) -> Vec<Draft> {
    let told = events(case.notice.text);
    told.iter().filter_map(draft).collect()
}

/// Whether the mail consists of events, one of which is about a delivery.
pub(super) fn is_delivery(case: &Case<'_, '_>) -> bool {
    events(case.notice.text)
        .iter()
        .any(|event| action(event).is_some())
}

/// A complaint, where the events tell of nothing else.
pub(in crate::bounce::mail) fn complaint(case: &Case<'_, '_>) -> Option<Complaint> {
    let told = events(case.notice.text);
    let complains = |event: &Value| event["event"] == "spamreport";
    if told.is_empty() || !told.iter().all(complains) {
        return None;
    }
    let named = told.iter().filter_map(|event| event["email"].as_str());
    Some(Complaint {
        feedback_type: "abuse".to_owned(),
        original_rcpt_to: named.map(str::to_owned).collect(),
        rcpt_source: Some(RcptSource::Report),
        incidents: u32::try_from(told.len()).unwrap_or(u32::MAX),
        ..Complaint::default()
    })
}

/// The events in a text; none where it is anything else.
fn events(text: &str) -> Vec<Value> {
    let start = text.trim_start();
    if !start.starts_with(['[', '{']) {
        return Vec::new();
    }
    let told = match super::first_value(start) {
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
        None => return Vec::new(),
    };
    let named = |event: &Value| {
        event["email"]
            .as_str()
            .is_some_and(|name| name.contains('@'))
    };
    // The list of bounces names no event, and says when the entry was made.
    let dated = |event: &Value| event["event"].is_string() || event["created"].is_string();
    if told.iter().all(|event| named(event) && dated(event)) {
        told
    } else {
        Vec::new()
    }
}

fn action(event: &Value) -> Option<Action> {
    match event["event"].as_str() {
        None | Some("bounce" | "blocked" | "dropped") => Some(Action::Failed),
        Some("deferred") => Some(Action::Delayed),
        Some("delivered") => Some(Action::Delivered),
        Some(_) => None,
    }
}

fn draft(event: &Value) -> Option<Draft> {
    let words = event["reason"]
        .as_str()
        .or_else(|| event["response"].as_str());
    let status = event["status"]
        .as_str()
        .and_then(EnhancedCode::parse_prefix);
    Some(Draft {
        action: Some(action(event)?),
        status,
        ..Draft::new(event["email"].as_str()?, words.unwrap_or_default())
    })
}
