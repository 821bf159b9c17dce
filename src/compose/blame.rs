//! Says which variable, in which line of which template, stopped a letter.
//!
//! Owns the words; see `template` for what can fail.

use minijinja::{Error, ErrorKind};

use crate::mail::Unsendable;

pub(super) fn unsendable(path: &str, error: &Error) -> Unsendable {
    let deepest = deepest(error);
    let name = deepest.name().unwrap_or(path);
    let place = match deepest.line() {
        Some(line) => format!("templates/{name} line {line}"),
        None => format!("templates/{name}"),
    };
    match (deepest.kind(), expression(deepest)) {
        (ErrorKind::UndefinedError, Some(expression)) => Unsendable::new(
            format!("variables.{expression}"),
            format!("is missing; {place} needs it"),
        ),
        (ErrorKind::OutOfFuel, _) => Unsendable::new(
            "template",
            format!("{place} works too long; is there an endless or a very long loop?"),
        ),
        _ => Unsendable::new("template", format!("{place}: {}", words(deepest))),
    }
}

pub(super) fn words(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// Faults of included and extended templates are wrapped in those of the outer one.
fn deepest(error: &Error) -> &Error {
    let mut deepest = error;
    while let Some(inner) = std::error::Error::source(deepest).and_then(|e| e.downcast_ref()) {
        deepest = inner;
    }
    deepest
}

/// What was missing: the engine's own words name it between backticks; else the words of the template that failed.
fn expression(error: &Error) -> Option<&str> {
    let named = error.detail().and_then(|detail| detail.split('`').nth(1));
    named.or_else(|| error.template_source()?.get(error.range()?))
}
