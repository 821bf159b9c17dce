//! Notifications of Amazon SES that SNS sends as mail: JSON, bare or inside an envelope, sometimes broken over lines.

use serde_json::Value;

use super::{Case, first_value};
use crate::{
    bounce::mail::draft::Draft,
    mail::{Action, EnhancedCode},
};

pub(super) fn read(case: &Case<'_, '_>) -> Vec<Draft> {
    notification(case.notice.text)
        .map(|told| recipients(&told))
        .unwrap_or_default()
}

/// The notification in a text, if it is one.
pub(in crate::bounce::mail) fn notification(text: &str) -> Option<Value> {
    let start = text.trim_start();
    if !start.starts_with('{') {
        return None;
    }
    // Mail folds long lines even inside of strings.
    let line = start.replace(['\r', '\n'], "");
    let outer = first_value(&line)?;
    match outer["Message"].as_str() {
        Some(inner) => first_value(inner),
        None => Some(outer),
    }
}

/// Whether it tells of a bounce or a delivery.
pub(super) fn is_delivery(told: &Value) -> bool {
    let parts = ["bounce", "delivery", "deliveryDelay"];
    parts.iter().any(|part| told[*part].is_object())
}

fn recipients(told: &Value) -> Vec<Draft> {
    let kind = told["notificationType"]
        .as_str()
        .or_else(|| told["eventType"].as_str());
    match kind {
        Some("Bounce") => bounced(&told["bounce"]["bouncedRecipients"], Action::Failed),
        Some("DeliveryDelay") => {
            bounced(&told["deliveryDelay"]["delayedRecipients"], Action::Delayed)
        }
        Some("Delivery") => delivered(&told["delivery"]),
        _ => Vec::new(),
    }
}

fn bounced(list: &Value, action: Action) -> Vec<Draft> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let draft = |one: &Value| {
        let words = one["diagnosticCode"].as_str().unwrap_or_default();
        let status = one["status"].as_str().and_then(EnhancedCode::parse_prefix);
        Some(Draft {
            action: Some(action),
            status,
            ..Draft::new(one["emailAddress"].as_str()?, words)
        })
    };
    list.iter().filter_map(draft).collect()
}

fn delivered(delivery: &Value) -> Vec<Draft> {
    let list = delivery["recipients"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let words = delivery["smtpResponse"].as_str().unwrap_or_default();
    let draft = |one: &Value| {
        Some(Draft {
            action: Some(Action::Delivered),
            ..Draft::new(one.as_str()?, words)
        })
    };
    list.iter().filter_map(draft).collect()
}
