//! A look at letters before they are enqueued.
//!
//! Owns the way from a letter's JSON to the gate of its stream. Promises: nothing is asked where every gate is off; what cannot be
//! read as a letter is left to the database. Leaves the rules to `compose::lint`, the doors to the faces.

use std::sync::Arc;

use crate::{
    compose::lint::{Gate, Looked},
    config::{self, stream::LintGate},
    engine::Desk,
    mail::Timestamp,
    store,
};

/// Whoever looks.
#[derive(Clone)]
pub struct Preflight {
    desk: Arc<Desk>,
}

impl Preflight {
    /// Looks with the operator's settings; `None` where no stream wants it.
    pub fn of(desk: &Arc<Desk>) -> Option<Self> {
        let wants = |stream: &crate::engine::Stream| stream.lint != Gate::Off;
        desk.streams.values().any(wants).then(|| Self {
            desk: Arc::clone(desk),
        })
    }

    /// What the gate of its stream says of a letter given as JSON.
    pub fn look(&self, json: &str, now: Timestamp) -> Looked {
        let Some(letter) = store::draft(json, now) else {
            return Looked::default();
        };
        let Some(stream) = self.desk.streams.get(&letter.stream) else {
            return Looked::default();
        };
        let templates = self.desk.templates.get();
        let identity = &self.desk.identity;
        stream
            .lint
            .try_out(&letter, &stream.style, identity, &templates, now)
    }
}

/// The operator's word for the gate of a stream.
pub(super) const fn gate(stream: &config::Stream) -> Gate {
    match stream.lint {
        LintGate::Off => Gate::Off,
        LintGate::Warn => Gate::Warn,
        LintGate::Refuse => Gate::Refuse,
    }
}
