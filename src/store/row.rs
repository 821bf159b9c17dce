//! From a row to a letter.
//!
//! Owns the reading of columns. Promises: a row that is no letter becomes [`Broken`] with the field and the fault, never an
//! error, so that it still reaches a final state. Does not know how rows are found.

use data_encoding::BASE64;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::{
    mail::{
        Address, Content, Letter, LetterId, Mailbox, Part, Recipient, Shard, Timestamp, Unsendable,
    },
    port::Broken,
};

/// The columns of `letter` and its `body`.
#[derive(Debug)]
pub(super) struct LetterColumns {
    pub(super) id: LetterId,
    pub(super) shard: Shard,
    pub(super) stream: String,
    pub(super) campaign: Option<String>,
    pub(super) to_address: String,
    pub(super) to_name: Option<String>,
    pub(super) locale: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) from_address: String,
    pub(super) from_name: Option<String>,
    pub(super) reply_to_address: Option<String>,
    pub(super) reply_to_name: Option<String>,
    pub(super) template: Option<String>,
    pub(super) variables: Option<String>,
    pub(super) body: Option<String>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) enqueued_at: OffsetDateTime,
    pub(super) send_at: Option<OffsetDateTime>,
    pub(super) valid_until: Option<OffsetDateTime>,
}

pub(super) fn letter(columns: LetterColumns) -> Result<Letter, Broken> {
    let (id, shard) = (columns.id, columns.shard);
    read(columns).map_err(|fault| Broken { id, shard, fault })
}

fn read(row: LetterColumns) -> Result<Letter, Unsendable> {
    let to = mailbox("to", &row.to_address, row.to_name)?;
    let from = mailbox("from", &row.from_address, row.from_name)?;
    let reply_to = match row.reply_to_address {
        Some(address) => Some(mailbox("reply_to", &address, row.reply_to_name)?),
        None => None,
    };
    Ok(Letter {
        id: row.id,
        shard: row.shard,
        stream: row.stream,
        campaign: row.campaign,
        to: Recipient {
            mailbox: to,
            locale: row.locale,
            time_zone: row.time_zone,
        },
        from,
        reply_to,
        content: content(row.template, row.variables, row.body.as_deref())?,
        tags: row.tags.unwrap_or_default(),
        enqueued_at: Timestamp::from(row.enqueued_at),
        send_at: row.send_at.map(Timestamp::from),
        valid_until: row.valid_until.map(Timestamp::from),
    })
}

fn mailbox(field: &str, address: &str, name: Option<String>) -> Result<Mailbox, Unsendable> {
    let address =
        Address::parse(address).map_err(|fault| Unsendable::new(field, fault.to_string()))?;
    Ok(Mailbox { address, name })
}

/// What `postrider.shared_content` writes.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Body {
    subject: Option<String>,
    text: Option<String>,
    html: Option<String>,
    raw: Option<String>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

#[derive(Debug, Deserialize)]
struct Attachment {
    name: String,
    #[serde(rename = "type")]
    media_type: String,
    content: String,
    content_id: Option<String>,
}

fn content(
    template: Option<String>,
    variables: Option<String>,
    body: Option<&str>,
) -> Result<Content, Unsendable> {
    let body: Body = match body {
        Some(json) => serde_json::from_str(json)
            .map_err(|error| Unsendable::new("body", error.to_string()))?,
        None => Body::default(),
    };
    content_of(template, variables, body)
}

/// The one of three forms that these fields make.
pub(super) fn content_of(
    template: Option<String>,
    variables: Option<String>,
    body: Body,
) -> Result<Content, Unsendable> {
    if let Some(raw) = body.raw {
        return Ok(Content::Raw(raw.into_bytes()));
    }
    let parts = parts(body.attachments)?;
    if let Some(name) = template {
        let variables = variables.unwrap_or_else(|| "{}".to_owned());
        return Ok(Content::Template {
            name,
            variables,
            parts,
        });
    }
    Ok(Content::Texts {
        subject: body
            .subject
            .ok_or_else(|| Unsendable::new("subject", "is missing"))?,
        text: body.text,
        html: body.html,
        parts,
    })
}

fn parts(attachments: Vec<Attachment>) -> Result<Vec<Part>, Unsendable> {
    attachments.into_iter().map(part).collect()
}

fn part(attachment: Attachment) -> Result<Part, Unsendable> {
    // PostgreSQL's base64 lets white space through, and so do mail programs.
    let mut packed = attachment.content.into_bytes();
    packed.retain(|byte| !byte.is_ascii_whitespace());
    let bytes = BASE64
        .decode(&packed)
        .map_err(|error| Unsendable::new("attachments", error.to_string()))?;
    Ok(Part {
        name: attachment.name,
        media_type: attachment.media_type,
        content_id: attachment.content_id,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: Option<&str>, body: Option<&str>, expected: &str) {
        let found = match content(template.map(str::to_owned), None, body) {
            Ok(Content::Template { name, parts, .. }) => {
                format!("template {name}, {} parts", parts.len())
            }
            Ok(Content::Texts { subject, parts, .. }) => {
                format!("texts {subject}, {} parts", parts.len())
            }
            Ok(Content::Raw(raw)) => format!("raw of {} octets", raw.len()),
            Err(fault) => fault.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_row_becomes_one_of_three_forms_or_names_its_fault() {
        check(Some("digest"), None, "template digest, 0 parts");
        check(None, Some(r#"{"raw":"From: a\r\n"}"#), "raw of 9 octets");
        check(
            None,
            Some(
                r#"{"subject":"s","attachments":[{"name":"a","type":"text/plain","content":"QUJD\nREVG"}]}"#,
            ),
            "texts s, 1 parts",
        );
        check(None, None, "subject: is missing");
        check(None, Some("{}"), "subject: is missing");
        check(
            Some("digest"),
            Some(r#"{"attachments":[{"name":"a","type":"text/plain","content":"?"}]}"#),
            "attachments: invalid length at 0",
        );
    }
}
