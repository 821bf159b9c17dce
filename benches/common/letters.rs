//! The letters of the benches: a marketplace's new order to sellers at 200 domains.
//!
//! Owns who gets what. Promises: the n-th letter is the same in every run but for its campaign; every recipient is
//! another one. Leaves their form on the wire to `message`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use postrider::{
    mail::{Address, Content, Letter, LetterId, Mailbox, Recipient, Shard, Timestamp},
    templates,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Recipient domains, each with an MX host of its own.
pub(crate) const DOMAINS: usize = 200;

/// The domain that writes.
pub(crate) const SENDER: &str = "example.com";

/// The template: text and HTML with a loop; with its variables about 6 KB on the wire.
pub(crate) const TEMPLATE: &str = "order";

const STREAM: &str = "trigger";

/// Templates of the benches' own, so that the measured work stays the same when the examples change.
pub(crate) fn templates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/common/templates")
}

/// A recipient domain.
pub(crate) fn domain(number: usize) -> String {
    format!("r{:03}.example.org", number % DOMAINS)
}

/// Makes letters.
pub(crate) struct Letters {
    variables: Value,
}

impl Letters {
    /// Reads the example variables of the template.
    pub(crate) fn new() -> Result<Self> {
        let text =
            templates::sample(&templates(), TEMPLATE).context("the template has no example")?;
        Ok(Self {
            variables: serde_json::from_str(&text)?,
        })
    }

    /// The n-th letter as the doors take it; `send_at` is an RFC 3339 text.
    pub(crate) fn json(&self, number: usize, campaign: &str, send_at: Option<&str>) -> String {
        self.to(&address(number), number, campaign, send_at)
    }

    /// The n-th letter, to somebody.
    pub(crate) fn to(
        &self,
        address: &str,
        number: usize,
        campaign: &str,
        send_at: Option<&str>,
    ) -> String {
        let mut letter = self.value(address, number, campaign);
        if let Some(moment) = send_at {
            letter["send_at"] = json!(moment);
        }
        letter.to_string()
    }

    /// The n-th letter, to somebody, for more to be said of it.
    pub(crate) fn value(&self, address: &str, number: usize, campaign: &str) -> Value {
        json!({
            "stream": STREAM,
            "campaign": campaign,
            "to": { "address": address, "name": name(number), "locale": "ru" },
            "from": { "address": format!("news@{SENDER}"), "name": "Биржа заказов" },
            "template": TEMPLATE,
            "variables": self.variables(number),
        })
    }

    /// Letters of a range.
    pub(crate) fn range(&self, numbers: std::ops::Range<usize>, campaign: &str) -> Vec<String> {
        numbers
            .map(|number| self.json(number, campaign, None))
            .collect()
    }

    /// The n-th letter as the engine sees it.
    pub(crate) fn letter(&self, number: usize, now: Timestamp) -> Result<Letter> {
        let mailbox = |address: &str, name: String| -> Result<Mailbox> {
            Ok(Mailbox {
                address: Address::parse(address)?,
                name: Some(name),
            })
        };
        Ok(Letter {
            id: LetterId(Uuid::from_u128(number as u128)),
            shard: Shard(0),
            stream: STREAM.to_owned(),
            campaign: Some("bench".to_owned()),
            to: Recipient {
                mailbox: mailbox(&address(number), name(number))?,
                locale: Some("ru".to_owned()),
                time_zone: None,
            },
            from: mailbox(&format!("news@{SENDER}"), "Биржа заказов".to_owned())?,
            reply_to: None,
            content: Content::Template {
                name: TEMPLATE.to_owned(),
                variables: self.variables(number).to_string(),
                parts: Vec::new(),
            },
            tags: Vec::new(),
            enqueued_at: now,
            send_at: None,
            valid_until: None,
        })
    }

    fn variables(&self, number: usize) -> Value {
        let mut variables = self.variables.clone();
        variables["name"] = json!(name(number));
        variables["url"] = json!(format!("https://example.com/orders/{number}"));
        variables
    }
}

/// The n-th recipient.
pub(crate) fn address(number: usize) -> String {
    format!("reader{number}@{}", domain(number))
}

fn name(number: usize) -> String {
    format!("Ольга Соколова {number}")
}
