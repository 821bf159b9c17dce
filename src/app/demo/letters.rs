//! The letters of a demonstration: a marketplace's morning.
//!
//! Owns who gets which template. Promises: the same seed asks for the same letters. Leaves people to `sim::Population`.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::desk::DOMAIN;
use crate::{
    sim::{Plan, Population, Resident},
    templates,
};

/// Letters of one enqueue.
const BATCH: usize = 500;

/// Of ten letters, which template in which stream: mostly news about orders, as at a real marketplace.
const MIX: [(&str, &str); 10] = [
    ("new-order", "trigger"),
    ("order-response", "trigger"),
    ("new-order", "trigger"),
    ("weekly-digest", "marketing"),
    ("new-order", "trigger"),
    ("order-response", "trigger"),
    ("weekly-digest", "marketing"),
    ("new-order", "trigger"),
    ("weekly-digest", "marketing"),
    ("password-reset", "transactional"),
];

/// The letters as JSON texts, in batches.
pub(super) fn batches(
    plan: &Plan,
    count: usize,
    folder: &Path,
    campaign: &str,
) -> Result<impl Iterator<Item = Vec<String>> + use<>> {
    let samples: Vec<Value> = MIX
        .iter()
        .map(|(template, _)| sample(folder, template))
        .collect::<Result<_>>()?;
    let campaign = campaign.to_owned();
    let people: Vec<Resident> = Population::of(plan).recipients(count).collect();
    let mut letters = people
        .into_iter()
        .enumerate()
        .map(move |(number, person)| letter(number, &person, &samples, &campaign).to_string());
    Ok(std::iter::from_fn(move || {
        let batch: Vec<String> = letters.by_ref().take(BATCH).collect();
        (!batch.is_empty()).then_some(batch)
    }))
}

fn letter(number: usize, person: &Resident, samples: &[Value], campaign: &str) -> Value {
    let (template, stream) = MIX[number % MIX.len()];
    let mut variables = samples[number % MIX.len()].clone();
    variables["name"] = json!(person.name);
    json!({
        "stream": stream,
        "campaign": campaign,
        "to": { "address": person.address, "name": person.name, "locale": person.locale },
        "from": { "address": format!("news@{DOMAIN}"), "name": "Биржа заказов" },
        "template": template,
        "variables": variables,
        "idempotency_key": format!("{campaign}-{number}"),
    })
}

fn sample(folder: &Path, template: &str) -> Result<Value> {
    let text = templates::sample(folder, template)
        .with_context(|| format!("template {template} has no sample.json"))?;
    serde_json::from_str(&text).with_context(|| format!("reading the sample of {template}"))
}
