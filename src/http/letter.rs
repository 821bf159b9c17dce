//! `GET /v1/letters/{id}`: where a letter stands and everything that happened to it.
//!
//! Owns the wire's form of a letter and of a history line. Promises: texts, variables and attachments stay inside, because a
//! password reset link is one of them; words are those of `mail`.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Serialize;

use super::{Door, Problem, events::EventBody};
use crate::{
    mail::{Content, Letter, LetterId, Mailbox},
    store::{HistoryLine, LetterView},
};

#[derive(Serialize)]
pub(crate) struct LetterBody {
    id: String,
    state: &'static str,
    priority: i16,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<i16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    /// Absent when the stored row cannot be read as a letter; the history tells why.
    #[serde(flatten)]
    asked: Option<Asked>,
    history: Vec<HistoryBody>,
}

/// What was asked for.
#[derive(Serialize)]
struct Asked {
    stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<String>,
    to: MailboxBody,
    from: MailboxBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<MailboxBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    tags: Vec<String>,
    enqueued_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<String>,
}

#[derive(Serialize)]
struct MailboxBody {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
}

#[derive(Serialize)]
struct HistoryBody {
    #[serde(flatten)]
    event: EventBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prepare_us: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    talk_us: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<i32>,
}

pub(super) async fn show(
    State(door): State<Door>,
    Path(id): Path<String>,
) -> Result<Json<LetterBody>, Problem> {
    let unknown = || Problem::not_found("no letter has this id");
    let id = LetterId(id.parse().map_err(|_| unknown())?);
    let view = door.store.letter(id).await?.ok_or_else(unknown)?;
    let history = door.store.history(id).await?;
    Ok(Json(LetterBody::new(view, history)))
}

impl LetterBody {
    pub(crate) fn new(view: LetterView, history: Vec<HistoryLine>) -> Self {
        Self {
            id: view.id.to_string(),
            state: view.state.name(),
            priority: view.priority,
            attempts: view.attempts,
            due_at: view.due_at.map(|at| at.to_string()),
            finished_at: view.finished_at.map(|at| at.to_string()),
            asked: view.letter.ok().map(Asked::from),
            history: history.into_iter().map(HistoryBody::from).collect(),
        }
    }
}

impl From<Letter> for Asked {
    fn from(letter: Letter) -> Self {
        let template = match letter.content {
            Content::Template { name, .. } => Some(name),
            Content::Texts { .. } | Content::Raw(_) => None,
        };
        Self {
            stream: letter.stream,
            campaign: letter.campaign,
            to: MailboxBody {
                locale: letter.to.locale,
                time_zone: letter.to.time_zone,
                ..letter.to.mailbox.into()
            },
            from: letter.from.into(),
            reply_to: letter.reply_to.map(MailboxBody::from),
            template,
            tags: letter.tags,
            enqueued_at: letter.enqueued_at.to_string(),
            valid_until: letter.valid_until.map(|at| at.to_string()),
        }
    }
}

impl From<Mailbox> for MailboxBody {
    fn from(mailbox: Mailbox) -> Self {
        Self {
            address: mailbox.address.to_string(),
            name: mailbox.name,
            locale: None,
            time_zone: None,
        }
    }
}

impl From<HistoryLine> for HistoryBody {
    fn from(line: HistoryLine) -> Self {
        Self {
            event: line.event.into(),
            site: line.site,
            provider: line.provider,
            host: line.host,
            remote: line.remote,
            source: line.source,
            tls: line.tls,
            prepare_us: line.prepare_us,
            talk_us: line.talk_us,
            size_bytes: line.size_bytes,
        }
    }
}
