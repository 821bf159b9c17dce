//! The state of the set-up, as Prometheus counts it.

use prometheus::{Error, IntCounterVec, IntGaugeVec};

use super::Register;

/// What the node's own checks found.
#[derive(Clone, Debug)]
pub(super) struct Check {
    findings: IntGaugeVec,
    changes: IntCounterVec,
}

impl Check {
    pub(super) fn new(at: &Register<'_>) -> Result<Self, Error> {
        Ok(Self {
            findings: at.gauges(
                "postrider_check_findings",
                "Faults of the set-up when last checked, by level: `note`, `warning`, `failure` (docs/check.md).",
                &["level"],
            )?,
            changes: at.counters(
                "postrider_check_changes_total",
                "Faults of the set-up that `appeared` or `went` between two checks.",
                &["change"],
            )?,
        })
    }
}

impl super::Metrics {
    /// The last round found so many of a level.
    pub fn checked(&self, level: &'static str, count: usize) {
        let gauge = self.check.findings.with_label_values(&[level]);
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A fault `appeared` or `went`.
    pub fn check_changed(&self, change: &'static str) {
        self.check.changes.with_label_values(&[change]).inc();
    }
}
