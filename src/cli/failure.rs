//! How a command that failed says so.
//!
//! Owns the form: what happened, what it means, what to do next. Promises: one message per failure, on standard error,
//! with every cause on a line of its own; a reader that went away is no failure.

use std::{error::Error, process::ExitCode};

use super::out::{Gone, say};

/// An error with the next step for the user.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct Advice {
    what: String,
    next: String,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// What happened, and what to do next.
pub(super) fn advice(what: impl Into<String>, next: impl Into<String>) -> anyhow::Error {
    let (what, next) = (what.into(), next.into());
    let cause = None;
    Advice { what, next, cause }.into()
}

/// The same, with what caused it.
pub(super) fn advice_for(
    cause: impl Into<Box<dyn Error + Send + Sync>>,
    what: impl Into<String>,
    next: impl Into<String>,
) -> anyhow::Error {
    let (what, next) = (what.into(), next.into());
    let cause = Some(cause.into());
    Advice { what, next, cause }.into()
}

/// Tells the user and gives the exit code.
pub(super) fn tell(error: &anyhow::Error) -> ExitCode {
    if error.is::<Gone>() {
        return ExitCode::SUCCESS;
    }
    say(words(error));
    ExitCode::FAILURE
}

/// The whole message.
pub(super) fn words(error: &anyhow::Error) -> String {
    let mut lines = vec![format!("error: {error}")];
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Libraries like to repeat their cause in their own words.
        if !said.contains(&cause) {
            lines.push(format!("  because: {cause}"));
        }
        said = cause;
    }
    let advice = error.chain().find_map(|cause| cause.downcast_ref());
    if let Some(Advice { next, .. }) = advice {
        lines.push(format!("  next: {next}"));
    }
    lines.join("\n")
}
