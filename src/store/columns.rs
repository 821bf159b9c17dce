//! Settlements turned on their side: one array per column, as `unnest` wants them.
//!
//! Owns the way from a [`Settlement`] to columns. Promises: all arrays have one length. Read [`super::settle`] next.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    mail::{Event, Next, Suppression},
    policy::waits,
    port::{AttemptRecord, Settlement},
};

#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) id: Vec<Uuid>,
    pub(super) shard: Vec<i16>,
    pub(super) lease: Vec<Uuid>,
    pub(super) attempts: Vec<i16>,
    /// The final state; none for a retry.
    pub(super) state: Vec<Option<&'static str>>,
    pub(super) retry_at: Vec<Option<OffsetDateTime>>,
    /// What a retry waits for, in the word of reports.
    pub(super) waits_for: Vec<Option<&'static str>>,
    /// From where the next attempt should leave.
    pub(super) keep_source: Vec<Option<String>>,
    pub(super) event: EventColumns,
    pub(super) attempt: AttemptColumns,
    pub(super) ban: BanColumns,
}

#[derive(Debug, Default)]
pub(super) struct EventColumns {
    pub(super) at: Vec<OffsetDateTime>,
    pub(super) kind: Vec<&'static str>,
    pub(super) attempt: Vec<Option<i16>>,
    pub(super) stage: Vec<Option<&'static str>>,
    pub(super) code: Vec<Option<i16>>,
    pub(super) enhanced: Vec<Option<String>>,
    pub(super) text: Vec<Option<String>>,
    pub(super) class: Vec<Option<&'static str>>,
    pub(super) rule: Vec<Option<String>>,
    pub(super) due: Vec<Option<OffsetDateTime>>,
}

#[derive(Debug, Default)]
pub(super) struct AttemptColumns {
    pub(super) site: Vec<Option<String>>,
    pub(super) provider: Vec<Option<&'static str>>,
    pub(super) host: Vec<Option<String>>,
    pub(super) remote: Vec<Option<String>>,
    pub(super) source: Vec<Option<String>>,
    pub(super) tls: Vec<Option<String>>,
    pub(super) prepare_us: Vec<Option<i32>>,
    pub(super) talk_us: Vec<Option<i32>>,
    pub(super) size_bytes: Vec<Option<i32>>,
}

#[derive(Debug, Default)]
pub(super) struct BanColumns {
    pub(super) address: Vec<Option<String>>,
    pub(super) scope: Vec<Option<String>>,
    pub(super) reason: Vec<Option<&'static str>>,
    pub(super) evidence: Vec<Option<String>>,
    pub(super) letter: Vec<Option<Uuid>>,
    pub(super) since: Vec<Option<OffsetDateTime>>,
    pub(super) until: Vec<Option<OffsetDateTime>>,
}

impl Columns {
    pub(super) fn of(settlements: &[Settlement]) -> Self {
        let mut columns = Self::default();
        for settlement in settlements {
            columns.push(settlement);
        }
        columns
    }

    fn push(&mut self, settlement: &Settlement) {
        let (state, retry_at) = match settlement.verdict.next {
            Next::Finish(state) => (Some(state.name()), None),
            Next::Retry { due } => (None, Some(due.into())),
        };
        self.id.push(settlement.id.0);
        self.shard.push(settlement.shard.0);
        self.lease.push(settlement.lease.0);
        self.attempts.push(small(settlement.attempts));
        self.state.push(state);
        self.waits_for.push(
            retry_at
                .is_some()
                .then(|| waits::cause(&settlement.verdict.event).name()),
        );
        self.retry_at.push(retry_at);
        self.keep_source.push(settlement.kept_source());
        self.event.push(&settlement.verdict.event);
        self.attempt.push(settlement.attempt.as_ref());
        self.ban.push(settlement.verdict.suppress.as_ref());
    }
}

impl EventColumns {
    fn push(&mut self, event: &Event) {
        self.at.push(event.at.into());
        self.kind.push(event.kind.name());
        self.attempt.push(event.attempt.map(small));
        self.stage.push(event.stage.map(crate::mail::Stage::name));
        self.code.push(event.code.map(small));
        self.enhanced
            .push(event.enhanced.map(|code| code.to_string()));
        self.text.push(event.text.as_deref().map(storable));
        self.class.push(event.class.map(crate::mail::Class::name));
        self.rule.push(event.rule.clone());
        self.due.push(event.due.map(Into::into));
    }
}

impl AttemptColumns {
    fn push(&mut self, attempt: Option<&AttemptRecord>) {
        self.site.push(attempt.map(|a| a.site.clone()));
        self.provider.push(attempt.map(|a| a.provider));
        self.host.push(attempt.and_then(|a| a.host.clone()));
        self.remote
            .push(attempt.and_then(|a| a.remote.map(|ip| ip.to_string())));
        self.source.push(attempt.map(|a| a.source.clone()));
        self.tls.push(attempt.and_then(|a| a.tls.clone()));
        self.prepare_us
            .push(attempt.map(|a| number(a.prepare.as_micros())));
        self.talk_us
            .push(attempt.map(|a| number(a.talk.as_micros())));
        self.size_bytes
            .push(attempt.map(|a| number(a.size_bytes as u128)));
    }
}

impl BanColumns {
    fn push(&mut self, ban: Option<&Suppression>) {
        self.address.push(ban.map(|b| b.address.key()));
        self.scope.push(ban.map(|b| b.scope.name()));
        self.reason.push(ban.map(|b| b.reason.name()));
        self.evidence.push(ban.map(|b| storable(&b.evidence)));
        self.letter
            .push(ban.and_then(|b| b.letter.map(|letter| letter.0)));
        self.since.push(ban.map(|b| b.since.into()));
        self.until
            .push(ban.and_then(|b| b.until.map(OffsetDateTime::from)));
    }
}

/// A receiver may say anything, a zero octet included, which PostgreSQL cannot keep in a text.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn small(number: u16) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

fn number(number: u128) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
