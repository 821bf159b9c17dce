//! What the engine does, as Prometheus counts it.
//!
//! Owns the bridge between the port and the metrics, which must not know each other.

use std::time::Duration;

use crate::{
    mail::{
        BrakeLevel, Event, EventKind, InDoubt, Measure, Next, Provider, Suppression, TlsOutcome,
    },
    metrics::{Metrics, Outcome},
    port::{
        Settlement, Watch,
        inbound::{InboundWatch, TurnedAway, Understood},
    },
};

impl Watch for Metrics {
    fn linted(&self, rules: &[&'static str], refused: bool) {
        self.lint_found(rules, refused);
    }

    fn leased(&self, count: usize, took: Duration) {
        Self::leased(self, count, took);
    }

    fn connected(&self, provider: &'static str, tls: Option<&str>, success: bool) {
        if success {
            self.session_opened(known(provider), tls);
        }
    }

    fn secured(&self, outcome: &TlsOutcome) {
        Self::secured(self, outcome.basis, outcome.fault);
    }

    fn settled(&self, batch: &[Settlement], took: Duration) {
        Self::settled(self, batch.len(), took);
        for settlement in batch {
            self.count(settlement);
        }
    }

    fn lost(&self, count: usize) {
        self.leases_lost(count);
    }

    fn store_failed(&self) {
        Self::store_failed(self);
    }

    fn braked(&self, level: BrakeLevel, measure: Measure) {
        Self::braked(self, level, measure);
    }

    fn in_flight(&self, count: usize) {
        Self::in_flight(self, count);
    }
}

impl InboundWatch for Metrics {
    fn turned_away(&self, why: TurnedAway) {
        self.inbound_refused(why.name());
    }

    fn crowded(&self) {
        self.inbound_crowded();
    }

    fn understood(&self, understood: &Understood) {
        self.inbound_read(understood.kind.name(), understood.effect);
    }

    fn suppressed(&self, entry: &Suppression) {
        Self::suppressed(self, entry.reason);
    }
}

impl Metrics {
    fn count(&self, settlement: &Settlement) {
        let provider = settlement
            .attempt
            .as_ref()
            .map_or("other", |attempt| attempt.provider);
        let provider = known(provider);
        let verdict = &settlement.verdict;
        let outcome = outcome(&verdict.event);
        if let Some(attempt) = &settlement.attempt {
            self.attempted(provider, outcome);
            self.prepared(attempt.prepare);
            self.talked(provider, attempt.talk);
        }
        let then = match verdict.next {
            Next::Finish(state) => {
                self.finished(state, provider);
                InDoubt::Hold
            }
            Next::Retry { .. } => {
                self.deferred(provider, outcome);
                InDoubt::Retry
            }
        };
        if verdict.event.kind == EventKind::InDoubt {
            self.doubted(provider, then);
        }
        if let Some(entry) = &verdict.suppress {
            self.suppressed(entry.reason);
        }
    }
}

fn known(provider: &str) -> Provider {
    Provider::parse(provider).unwrap_or(Provider::Other)
}

fn outcome(event: &Event) -> Outcome {
    match event.class {
        _ if event.kind == EventKind::Delivered => Outcome::Delivered,
        Some(class) => Outcome::Refused(class),
        None => Outcome::Unclassified,
    }
}
