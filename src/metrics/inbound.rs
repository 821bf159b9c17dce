//! What came in, as Prometheus counts it.

use prometheus::{Error, IntCounter, IntCounterVec};

use super::Register;
use crate::mail::Effect;

/// The counters of the doors.
#[derive(Clone, Debug)]
pub(super) struct Inbound {
    reports: IntCounterVec,
    refused: IntCounterVec,
    crowded: IntCounter,
}

impl Inbound {
    pub(super) fn new(at: &Register<'_>) -> Result<Self, Error> {
        Ok(Self {
            reports: at.counters(
                "postrider_inbound_reports_total",
                "Mails that came in and were read, by kind and by what they changed; `unrecognised` ones wait for people.",
                &["kind", "effect"],
            )?,
            refused: at.counters(
                "postrider_inbound_recipients_refused_total",
                "Recipients refused at the inbound listener, by why.",
                &["why"],
            )?,
            crowded: at.counter(
                "postrider_inbound_connections_refused_total",
                "Connections answered with 421 at the inbound listener, because there were too many.",
            )?,
        })
    }
}

impl super::Metrics {
    /// A mail was read; `kind` is one of the port's few words.
    pub fn inbound_read(&self, kind: &'static str, effect: Effect) {
        let labels = [kind, effect.name()];
        self.inbound.reports.with_label_values(&labels).inc();
    }

    /// A recipient was refused; `why` is one of the port's few words.
    pub fn inbound_refused(&self, why: &'static str) {
        self.inbound.refused.with_label_values(&[why]).inc();
    }

    /// A connection was refused.
    pub fn inbound_crowded(&self) {
        self.inbound.crowded.inc();
    }
}
