//! The state of the set-up and of letters before they leave, as Prometheus counts it.

use prometheus::{Error, IntCounterVec, IntGaugeVec};

use super::Register;

/// What the node's own checks, and the gates of streams, found.
#[derive(Clone, Debug)]
pub(super) struct Check {
    findings: IntGaugeVec,
    changes: IntCounterVec,
    lint_flaws: IntCounterVec,
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
            lint_flaws: at.counters(
                "postrider_lint_flaws_total",
                "Flaws found in letters that were about to leave or about to be enqueued, by rule (docs/lint.md) and whether the letter was `refused` or `passed`.",
                &["rule", "letter"],
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

    /// A letter broke rules of the linter, and was kept here or not.
    pub fn lint_found(&self, rules: &[&'static str], refused: bool) {
        let letter = if refused { "refused" } else { "passed" };
        for rule in rules {
            let labels = [*rule, letter];
            self.check.lint_flaws.with_label_values(&labels).inc();
        }
    }

    /// A fault `appeared` or `went`.
    pub fn check_changed(&self, change: &'static str) {
        self.check.changes.with_label_values(&[change]).inc();
    }
}
