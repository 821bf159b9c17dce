//! A letter's JSON, read here as the database would read it.
//!
//! Owns the reading for whoever looks at a letter before it is enqueued. Promises: what this cannot read is left to the database,
//! which says why; nothing here decides whether a letter is accepted.

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::row::{self, Body};
use crate::mail::{Address, Letter, LetterId, Mailbox, Recipient, Shard, Timestamp};

#[derive(Debug, Deserialize)]
struct Draft<'a> {
    stream: String,
    to: Party,
    from: Party,
    reply_to: Option<Party>,
    campaign: Option<String>,
    template: Option<String>,
    #[serde(borrow)]
    variables: Option<&'a RawValue>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(flatten)]
    body: Body,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Party {
    Address(String),
    Named {
        address: String,
        name: Option<String>,
        locale: Option<String>,
        time_zone: Option<String>,
    },
}

/// The letter as it would be enqueued at `now`, with an id that no letter has.
pub fn draft(json: &str, now: Timestamp) -> Option<Letter> {
    let draft: Draft<'_> = serde_json::from_str(json).ok()?;
    let variables = draft.variables.map(|json| json.get().to_owned());
    Some(Letter {
        id: LetterId(Uuid::nil()),
        shard: Shard(0),
        stream: draft.stream,
        campaign: draft.campaign,
        to: draft.to.recipient()?,
        from: draft.from.mailbox()?,
        reply_to: match draft.reply_to {
            Some(party) => Some(party.mailbox()?),
            None => None,
        },
        content: row::content_of(draft.template, variables, draft.body).ok()?,
        tags: draft.tags,
        enqueued_at: now,
        send_at: None,
        valid_until: None,
    })
}

impl Party {
    fn mailbox(self) -> Option<Mailbox> {
        self.recipient().map(|recipient| recipient.mailbox)
    }

    fn recipient(self) -> Option<Recipient> {
        let (address, name, locale, time_zone) = match self {
            Self::Address(address) => (address, None, None, None),
            Self::Named {
                address,
                name,
                locale,
                time_zone,
            } => (address, name, locale, time_zone),
        };
        let address = Address::parse(&address).ok()?;
        Some(Recipient {
            mailbox: Mailbox { address, name },
            locale,
            time_zone,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Content;

    fn read(json: &str) -> Option<Letter> {
        draft(json, Timestamp::from_seconds(1_795_000_000))
    }

    #[test]
    fn a_letter_is_read_in_each_of_its_forms() {
        let template = r#"{"stream": "marketing", "to": {"address": "anna@mail.ru", "locale": "ru"}, "from": "news@example.com",
            "template": "digest", "variables": {"n": 1.50}, "idempotency_key": "k", "send_at": "2026-11-25T00:00:00Z"}"#;
        let letter = read(template).unwrap();
        assert_eq!(letter.to.locale.as_deref(), Some("ru"));
        assert!(
            matches!(letter.content, Content::Template { variables, .. } if variables == r#"{"n": 1.50}"#)
        );
        let texts = r#"{"stream": "a", "to": "anna@mail.ru", "from": {"address": "news@example.com", "name": "News"},
            "subject": "Hello", "html": "<p>Hello</p>", "attachments": [{"name": "a.txt", "type": "text/plain", "content": "aGk="}]}"#;
        assert!(
            matches!(read(texts).unwrap().content, Content::Texts { parts, .. } if parts[0].bytes == b"hi")
        );
        let raw = r#"{"stream": "a", "to": "anna@mail.ru", "from": "news@example.com", "raw": "Subject: x\r\n\r\nhi"}"#;
        assert!(matches!(read(raw).unwrap().content, Content::Raw(_)));
    }

    #[test]
    fn what_is_no_letter_is_left_to_the_database() {
        for json in [
            "{}",
            "[]",
            "nonsense",
            r#"{"stream": "a", "to": "nobody", "from": "news@example.com", "subject": "x", "text": "y"}"#,
            r#"{"stream": "a", "to": "anna@mail.ru", "from": "news@example.com"}"#,
        ] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
