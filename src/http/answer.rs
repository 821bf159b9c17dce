//! The answer to one letter, as it goes over the wire (docs/letter.md).
//!
//! Owns its words and the status that a request with one letter gets. Leaves the deciding to `store`.

use axum::http::StatusCode;
use serde::Serialize;

use crate::{mail::Unsendable, metrics, store};

/// One letter's answer; absent fields are left out.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u64>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Rules of docs/lint.md that the letter breaks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lint: Vec<&'static str>,
    #[serde(skip)]
    counted: Option<metrics::Answer>,
}

impl Answer {
    /// The letter as a whole is no letter.
    pub(super) fn invalid(why: String) -> Self {
        store::Answer::Invalid {
            field: String::new(),
            why,
        }
        .into()
    }

    /// The letter must not, or cannot, be written.
    pub(super) fn unsendable(fault: Unsendable) -> Self {
        store::Answer::Invalid {
            field: fault.field,
            why: fault.why,
        }
        .into()
    }

    /// The same for a letter with flaws that does go.
    pub(crate) fn with_flaws(mut self, rules: Vec<&'static str>) -> Self {
        self.lint = rules;
        self
    }

    /// The last line of a stream that could not go on.
    pub(super) fn error(line: u64, why: &str) -> Self {
        Self {
            line: Some(line),
            status: "error",
            why: Some(why.to_owned()),
            ..Self::default()
        }
    }

    /// Under which word it is counted; an `error` is no letter's answer.
    pub(super) const fn counted(&self) -> Option<metrics::Answer> {
        self.counted
    }

    /// The status of a request that brought this one letter.
    pub(super) const fn http_status(&self) -> StatusCode {
        match self.counted {
            Some(metrics::Answer::Accepted) => StatusCode::CREATED,
            Some(metrics::Answer::Duplicate | metrics::Answer::Suppressed) => StatusCode::OK,
            Some(metrics::Answer::Conflict) => StatusCode::CONFLICT,
            Some(metrics::Answer::Invalid) => StatusCode::UNPROCESSABLE_ENTITY,
            None => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn of(counted: metrics::Answer) -> Self {
        Self {
            status: counted.name(),
            counted: Some(counted),
            ..Self::default()
        }
    }
}

impl From<store::Answer> for Answer {
    fn from(answer: store::Answer) -> Self {
        match answer {
            store::Answer::Accepted(id) => Self {
                id: Some(id.to_string()),
                ..Self::of(metrics::Answer::Accepted)
            },
            store::Answer::Duplicate(id) => Self {
                id: Some(id.to_string()),
                ..Self::of(metrics::Answer::Duplicate)
            },
            store::Answer::Conflict { id, why } => Self {
                id: Some(id.to_string()),
                why: Some(why),
                ..Self::of(metrics::Answer::Conflict)
            },
            store::Answer::Suppressed { reason, scope } => Self {
                reason: Some(reason),
                scope: Some(scope),
                ..Self::of(metrics::Answer::Suppressed)
            },
            store::Answer::Invalid { field, why } => Self {
                field: Some(field),
                why: Some(why),
                ..Self::of(metrics::Answer::Invalid)
            },
        }
    }
}
