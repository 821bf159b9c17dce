//! What a world has to suffer until it heals.
//!
//! Owns the shares of every hardship. Promises: plain values that a seed decides; a calm world suffers nothing. Leaves the
//! suffering to `dial`, `names`, `troubled`, `journal` and `day`.

use std::time::Duration;

use super::chance::Chance;

/// Shares are in 0..=1 of the occasions.
#[derive(Clone, Debug)]
pub(super) struct Weather {
    /// Nodes side by side.
    pub(super) nodes: usize,
    /// How long it lasts.
    pub(super) lasts: Duration,
    /// Connections.
    pub(super) wires: Wires,
    /// Statements.
    pub(super) store: Troubles,
    /// Questions to DNS that get no good answer.
    pub(super) dns: f64,
    /// Notes in the crash journal that fail.
    pub(super) journal: f64,
    /// What comes back about letters.
    pub(super) mails: Mails,
    /// Processes that die at a step, at a moment, with their machine, or are restarted in order.
    pub(super) ends: Ends,
    /// How far a node's clock may be set off while the weather lasts, either way.
    pub(super) clock_jump: Duration,
    /// How far a node's clock may be off from the beginning, either way.
    pub(super) clock_offset: Duration,
}

/// What connections suffer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wires {
    /// Not let in at all.
    pub(super) refused: f64,
    /// Never answered.
    pub(super) unanswered: f64,
    /// Broken, and the writer knows.
    pub(super) broken: f64,
    /// Broken on the way.
    pub(super) lost: f64,
    /// Silent for ever.
    pub(super) muted: f64,
    /// A few octets at a time.
    pub(super) dripping: f64,
    /// The slowest way.
    pub(super) latency_max: Duration,
}

/// What statements suffer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Troubles {
    /// Failed without effect.
    pub(super) failed: f64,
    /// Done, and the answer lost.
    pub(super) unanswered: f64,
    /// Done long after its answer was given up.
    pub(super) late: f64,
    /// The slowest answer.
    pub(super) slow_max: Duration,
    /// News of suppressions that come as "something was missed".
    pub(super) news_missed: f64,
}

/// What comes back, in shares of the letters in mailboxes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mails {
    /// Given up by the receiver after all.
    pub(super) bounced: f64,
    /// The receiver says that it is still trying.
    pub(super) delayed: f64,
    /// The reader complains.
    pub(super) complained: f64,
    /// The reader writes to the unsubscribe address.
    pub(super) unsubscribed: f64,
    /// Whoever the letter was sent on to says that it bounced.
    pub(super) onlookers: f64,
    /// Somebody makes something up.
    pub(super) forged: f64,
    /// Of all these, those that come twice.
    pub(super) twice: f64,
}

/// How processes end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    /// At a step towards the world.
    pub(super) at_a_step: f64,
    /// At a moment.
    pub(super) at_a_moment: f64,
    /// Stopped and started in order.
    pub(super) in_order: f64,
    /// Of the crashes, those of the whole machine.
    pub(super) with_machine: f64,
}

impl Weather {
    /// Nothing happens.
    pub(super) fn calm() -> Self {
        Self {
            nodes: 1,
            lasts: Duration::from_secs(20),
            wires: Wires::default(),
            store: Troubles::default(),
            dns: 0.0,
            journal: 0.0,
            mails: Mails::default(),
            ends: Ends::default(),
            clock_jump: Duration::ZERO,
            clock_offset: Duration::ZERO,
        }
    }

    /// The weather of a seed. One world in eight is calm, so that the laws are also seen to hold without excuses.
    pub(super) fn of(seed: u64) -> Self {
        let chance = Chance::new(seed, "weather");
        if chance.falls(0.125) {
            return Self::calm();
        }
        // Every hardship is absent from some worlds, so that none hides behind another.
        let share = |max: f64| {
            let (present, share) = (chance.falls(0.6), chance.point() * max);
            if present { share } else { 0.0 }
        };
        let span = |max: u64| {
            let (present, span) = (chance.falls(0.6), chance.between(0, max));
            Duration::from_millis(if present { span } else { 0 })
        };
        Self {
            nodes: usize::try_from(chance.between(1, 4)).unwrap_or(1),
            lasts: Duration::from_secs(chance.between(20, 120)),
            wires: Wires {
                refused: share(0.2),
                unanswered: share(0.1),
                broken: share(0.25),
                lost: share(0.25),
                muted: share(0.1),
                dripping: share(0.1),
                latency_max: span(1_000),
            },
            store: Troubles {
                failed: share(0.15),
                unanswered: share(0.15),
                late: share(0.05),
                slow_max: span(3_000),
                news_missed: share(0.3),
            },
            dns: share(0.3),
            journal: share(0.1),
            ends: Ends {
                at_a_step: share(0.9),
                at_a_moment: share(0.5),
                in_order: share(0.3),
                with_machine: share(0.4),
            },
            // Several leases: whoever goes by clocks takes the claims of the living.
            clock_jump: span(45_000),
            clock_offset: span(45_000),
            mails: Mails {
                bounced: share(0.2),
                delayed: share(0.2),
                complained: share(0.2),
                unsubscribed: share(0.2),
                onlookers: share(0.1),
                forged: share(0.6),
                twice: share(0.6),
            },
        }
    }
}
