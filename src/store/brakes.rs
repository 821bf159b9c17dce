//! How campaigns fare at providers, and what the brakes did.
//!
//! Owns reading the accounts, and holds in the brake's name. Promises: of several nodes one lays a hold; a hold that a person
//! released since an account was read is not laid again from what was read. What is counted is added by [`super::settle`] and
//! [`super::late`] with the verdicts themselves; a release ([`PgStore::lift`]) begins to count anew.

use sqlx::PgPool;
use time::{Duration, OffsetDateTime};

use super::{PgStore, answer, trouble};
use crate::{
    mail::{BrakeLevel, Figures, HoldId, HoldOn, Measure, Timestamp},
    policy::brake::BRAKE,
    port::{
        StoreError,
        brake::{Account, BrakeStore, Braking},
    },
};

/// An account as people look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrakeView {
    /// What a stop would hold.
    pub on: HoldOn,
    /// How its letters fared.
    pub figures: Figures,
    /// The hold that is in force.
    pub hold: Option<HoldId>,
}

/// Something that the brakes did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrakeChange {
    /// When.
    pub at: Timestamp,
    /// About what.
    pub on: HoldOn,
    /// How hard it gripped.
    pub level: BrakeLevel,
    /// The figures, for people.
    pub words: String,
    /// The hold that was laid.
    pub hold: Option<HoldId>,
}

impl BrakeStore for PgStore {
    async fn accounts(&self, now: Timestamp, days: u16) -> Result<Vec<Account>, StoreError> {
        answer(accounts(&self.calm, now, days)).await
    }

    async fn warn(&self, braking: &Braking<'_>) -> Result<bool, StoreError> {
        answer(warn(&self.calm, braking)).await
    }

    async fn stop(&self, braking: &Braking<'_>) -> Result<Option<HoldId>, StoreError> {
        answer(stop(&self.calm, braking)).await
    }
}

fn since(now: Timestamp, days: u16) -> time::Date {
    let before = Duration::days(i64::from(days.max(1)) - 1);
    let today = OffsetDateTime::from(now).date();
    today.checked_sub(before).unwrap_or(today)
}

/// Days lead the primary key, so only those asked for are read.
async fn accounts(pool: &PgPool, now: Timestamp, days: u16) -> Result<Vec<Account>, StoreError> {
    let rows = sqlx::query!(
        r#"
with sums as (
    select c.kind, c.value, sum(c.answered) as answered, sum(c.delivered) as delivered, sum(c.complaints) as complaints,
        sum(c.hard_bounces) as hard_bounces, sum(c.spam) as spam
    from postrider.brake_count c where c.day >= $1 group by c.kind, c.value
    having sum(c.complaints) > 1 or sum(c.hard_bounces) > 1 or sum(c.spam) > 1
)
select s.kind, s.value, s.answered as "answered!", s.delivered as "delivered!", s.complaints as "complaints!",
    s.hard_bounces as "hard_bounces!", s.spam as "spam!", l.last as "last!",
    array(select c.measure from postrider.brake_change c
        where c.kind = s.kind and c.value = s.value and c.level = 'warn' and c.after_hold = l.last) as "warned!"
from sums s, lateral (
    select coalesce(max(h.id), 0) as last from postrider.hold h where h.kind = s.kind and h.value = s.value
) as l
where not exists (select from postrider.hold h where h.kind = s.kind and h.value = s.value and h.released_at is null)
order by s.kind, s.value
"#,
        since(now, days),
    )
    .fetch_all(pool)
    .await
    .map_err(trouble("reading how campaigns fare"))?;
    let accounts = rows.into_iter().filter_map(|row| {
        Some(Account {
            on: HoldOn::parse(&row.kind, &row.value)?,
            figures: Figures {
                answered: unsigned(row.answered),
                delivered: unsigned(row.delivered),
                complaints: unsigned(row.complaints),
                hard_bounces: unsigned(row.hard_bounces),
                spam: unsigned(row.spam),
            },
            last_hold: (row.last > 0).then_some(HoldId(row.last)),
            warned: row
                .warned
                .iter()
                .filter_map(|name| Measure::parse(name))
                .collect(),
        })
    });
    Ok(accounts.collect())
}

async fn warn(pool: &PgPool, braking: &Braking<'_>) -> Result<bool, StoreError> {
    let account = braking.account;
    let done = sqlx::query!(
        r#"insert into postrider.brake_change (at, kind, value, after_hold, level, measure, words)
        values ($1, $2, $3, $4, 'warn', $5, $6) on conflict on constraint said_once do nothing"#,
        OffsetDateTime::from(braking.at),
        account.on.kind(),
        &*account.on.value(),
        last_hold(account),
        braking.measure.name(),
        braking.words,
    )
    .execute(pool)
    .await
    .map_err(trouble("noting a warning of the brakes"))?;
    Ok(done.rows_affected() > 0)
}

/// Two nodes at once meet in the index `hold_in_force`: the second waits for the first and lays nothing. Whoever read the
/// account before a hold that was released meanwhile sees that hold's number here.
async fn stop(pool: &PgPool, braking: &Braking<'_>) -> Result<Option<HoldId>, StoreError> {
    let account = braking.account;
    let laid = sqlx::query_scalar!(
        r#"
with laid as (
    insert into postrider.hold (kind, value, author, reason, since) select $2, $3, $7, $6, $1
    where (select coalesce(max(h.id), 0) from postrider.hold h where h.kind = $2 and h.value = $3) = $4
    on conflict (kind, value) where released_at is null do nothing
    returning id
),
told as (
    insert into postrider.brake_change (at, kind, value, after_hold, level, measure, words, hold)
    select $1, $2, $3, $4, 'stop', $5, $6, id from laid
)
select id from laid
"#,
        OffsetDateTime::from(braking.at),
        account.on.kind(),
        &*account.on.value(),
        last_hold(account),
        braking.measure.name(),
        braking.words,
        BRAKE,
    )
    .fetch_optional(pool)
    .await
    .map_err(trouble("braking a campaign"))?;
    Ok(laid.map(HoldId))
}

fn last_hold(account: &Account) -> i32 {
    account.last_hold.map_or(0, |hold| hold.0)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

impl PgStore {
    /// Every account of the last so many days, the largest first.
    pub async fn brakes(
        &self,
        now: Timestamp,
        days: u16,
        max: u32,
    ) -> Result<Vec<BrakeView>, StoreError> {
        let rows = sqlx::query!(
            r#"
select c.kind, c.value, sum(c.answered) as "answered!", sum(c.delivered) as "delivered!",
    sum(c.complaints) as "complaints!", sum(c.hard_bounces) as "hard_bounces!", sum(c.spam) as "spam!",
    (select h.id from postrider.hold h
        where h.kind = c.kind and h.value = c.value and h.released_at is null) as hold
from postrider.brake_count c where c.day >= $1 group by c.kind, c.value
order by sum(c.answered) desc, c.kind, c.value limit $2
"#,
            since(now, days),
            i64::from(max),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("reading how campaigns fare"))?;
        let views = rows.into_iter().filter_map(|row| {
            Some(BrakeView {
                on: HoldOn::parse(&row.kind, &row.value)?,
                figures: Figures {
                    answered: unsigned(row.answered),
                    delivered: unsigned(row.delivered),
                    complaints: unsigned(row.complaints),
                    hard_bounces: unsigned(row.hard_bounces),
                    spam: unsigned(row.spam),
                },
                hold: row.hold.map(HoldId),
            })
        });
        Ok(views.collect())
    }

    /// What the brakes did, the newest first.
    pub async fn brake_changes(&self, max: u32) -> Result<Vec<BrakeChange>, StoreError> {
        let rows = sqlx::query!(
            "select at, kind, value, level, words, hold from postrider.brake_change order by id desc limit $1",
            i64::from(max),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("reading what the brakes did"))?;
        let changes = rows.into_iter().filter_map(|row| {
            Some(BrakeChange {
                at: row.at.into(),
                on: HoldOn::parse(&row.kind, &row.value)?,
                level: BrakeLevel::parse(&row.level)?,
                words: row.words,
                hold: row.hold.map(HoldId),
            })
        });
        Ok(changes.collect())
    }

    /// Removes counts and history of brakes from before that moment.
    pub async fn purge_brakes(&self, before: Timestamp) -> Result<(), StoreError> {
        let before = OffsetDateTime::from(before);
        sqlx::query!(
            "delete from postrider.brake_count where day < $1",
            before.date()
        )
        .execute(&self.calm)
        .await
        .map_err(trouble("removing old counts of brakes"))?;
        sqlx::query!("delete from postrider.brake_change where at < $1", before)
            .execute(&self.calm)
            .await
            .map(|_| ())
            .map_err(trouble("removing old changes of brakes"))
    }
}
