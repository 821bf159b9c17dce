//! What came in, from its arrival to the day it is dropped.
//!
//! Owns the statements of `postrider.inbound`. Promises: a mail is on disk when `keep` returns; an unread one is never
//! dropped; two readers never take the same one at once. Leaves what a mail changes to `late`.

use sqlx::PgPool;
use time::OffsetDateTime;

use super::{PgStore, trouble};
use crate::{
    mail::{Door, Effect, Incoming, IncomingId, LetterId, Timestamp},
    port::{
        StoreError,
        inbound::{Kept, Proof, Understood},
    },
};

/// Which mails to list; an empty filter lists the newest.
#[derive(Clone, Copy, Debug, Default)]
pub struct InboundFilter {
    /// Only those that changed this.
    pub effect: Option<Effect>,
    /// Only mails older than this one: the last of the page before.
    pub before: Option<IncomingId>,
    /// No more than this.
    pub max: u32,
}

/// A mail as people look at it.
#[derive(Clone, Debug)]
pub struct InboundView {
    /// Its name.
    pub id: IncomingId,
    /// When it came.
    pub received_at: Timestamp,
    /// When it was read; `None` while it waits.
    pub read_at: Option<Timestamp>,
    /// How it came.
    pub door: String,
    /// Who brought it.
    pub remote: Option<String>,
    /// MAIL FROM.
    pub mail_from: String,
    /// The recipients.
    pub rcpt_to: Vec<String>,
    /// What kind of mail it turned out to be.
    pub kind: Option<String>,
    /// What it changed.
    pub effect: Option<String>,
    /// By what it was believed.
    pub proof: Option<String>,
    /// The letter it speaks of.
    pub letter: Option<LetterId>,
    /// Words for people.
    pub detail: Option<String>,
    /// Its length in octets.
    pub octets: i32,
}

/// The statement that reads mails as people look at them; the end says which ones.
macro_rules! views {
    ($end:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query!(
            r#"select id, received_at, read_at, door, remote, mail_from, rcpt_to, kind, effect, proof, letter_id, detail,
                octet_length(raw) as "octets!"
            from postrider.inbound "# + $end,
            $($argument),+
        )
    };
}

macro_rules! view {
    ($row:expr) => {
        InboundView {
            id: IncomingId($row.id),
            received_at: $row.received_at.into(),
            read_at: $row.read_at.map(Timestamp::from),
            door: $row.door,
            remote: $row.remote,
            mail_from: $row.mail_from,
            rcpt_to: $row.rcpt_to,
            kind: $row.kind,
            effect: $row.effect,
            proof: $row.proof,
            letter: $row.letter_id.map(LetterId),
            detail: $row.detail,
            octets: $row.octets,
        }
    };
}

impl PgStore {
    /// One mail, by the primary key.
    pub async fn inbound(&self, id: IncomingId) -> Result<Option<InboundView>, StoreError> {
        let row = views!("where id = $1", id.0)
            .fetch_optional(&self.calm)
            .await
            .map_err(trouble(format!("reading inbound mail {id}")))?;
        Ok(row.map(|row| view!(row)))
    }

    /// Mails, newest first, by the primary key backwards; unrecognised ones by the index `inbound_unrecognised`.
    pub async fn inbound_list(
        &self,
        filter: InboundFilter,
    ) -> Result<Vec<InboundView>, StoreError> {
        let rows = views!(
            r"where ($1::text is null or effect = $1) and ($2::uuid is null or id < $2) order by id desc limit $3",
            filter.effect.map(Effect::name),
            filter.before.map(|id| id.0),
            i64::from(filter.max),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("listing inbound mails"))?;
        Ok(rows.into_iter().map(|row| view!(row)).collect())
    }

    /// The bytes of a mail, as they came.
    pub async fn inbound_raw(&self, id: IncomingId) -> Result<Option<Vec<u8>>, StoreError> {
        sqlx::query_scalar!("select raw from postrider.inbound where id = $1", id.0)
            .fetch_optional(&self.calm)
            .await
            .map_err(trouble(format!("reading inbound mail {id}")))
    }

    /// Drops up to `max` mails that were read and came before `before`, oldest first by the primary key: ids begin with
    /// their time.
    pub async fn purge_inbound(&self, before: Timestamp, max: u32) -> Result<u64, StoreError> {
        sqlx::query!(
            r#"delete from postrider.inbound where id in (
                select id from postrider.inbound
                where id < (lpad(to_hex(floor(extract(epoch from $1::timestamptz) * 1000)::bigint), 12, '0')
                        || '00000000000000000000')::uuid
                    and read_at is not null
                order by id limit $2)"#,
            OffsetDateTime::from(before),
            i64::from(max),
        )
        .execute(&self.calm)
        .await
        .map(|done| done.rows_affected())
        .map_err(trouble("dropping old inbound mails"))
    }

    /// Forgets late words heard before `before`, by the block-range index on their time.
    pub async fn purge_late_words(&self, before: Timestamp) -> Result<u64, StoreError> {
        sqlx::query!(
            "delete from postrider.late_word where at < $1",
            OffsetDateTime::from(before),
        )
        .execute(&self.calm)
        .await
        .map(|done| done.rows_affected())
        .map_err(trouble("forgetting old late words"))
    }
}

/// One row, on disk when this returns. RFC 9562 §5.7: the id begins with 48 bits of milliseconds. A command reads its mail
/// itself; only if it dies do others.
pub(super) async fn keep(pool: &PgPool, mail: &Incoming) -> Result<IncomingId, StoreError> {
    sqlx::query_scalar!(
        r#"insert into postrider.inbound (id, received_at, due_at, door, remote, mail_from, rcpt_to, raw)
        select (left(millis, 8) || '-' || right(millis, 4) || '-7' || substr(dice, 16, 3) || substr(dice, 19))::uuid,
            $1, $1 + case $2 when 'command' then interval '1 minute' else interval '0' end, $2, $3, $4, $5, $6
        from lpad(to_hex(floor(extract(epoch from $1::timestamptz) * 1000)::bigint), 12, '0') as millis,
            cast(gen_random_uuid() as text) as dice
        returning id"#,
        OffsetDateTime::from(mail.at),
        mail.door.name(),
        mail.remote.map(|ip| ip.to_string()),
        mail.mail_from,
        &mail.rcpt_to,
        mail.raw,
    )
    .fetch_one(pool)
    .await
    .map(IncomingId)
    .map_err(trouble("keeping an inbound mail"))
}

/// Takes the mails that have waited longest, by the partial index `inbound_unread`; rows that another reader takes at this
/// moment are stepped over.
pub(super) async fn take(
    pool: &PgPool,
    now: Timestamp,
    until: Timestamp,
    max: u32,
) -> Result<Vec<Kept>, StoreError> {
    let rows = sqlx::query!(
        r#"update postrider.inbound set due_at = $2 where id in (
            select id from postrider.inbound where read_at is null and due_at <= $1
            order by due_at limit $3 for update skip locked)
        returning id, received_at, door, remote, mail_from, rcpt_to, raw"#,
        OffsetDateTime::from(now),
        OffsetDateTime::from(until),
        i64::from(max),
    )
    .fetch_all(pool)
    .await
    .map_err(trouble("taking unread inbound mails"))?;
    let kept = rows.into_iter().map(|row| Kept {
        id: IncomingId(row.id),
        mail: Incoming {
            at: row.received_at.into(),
            // The table's own check lets no other word in.
            door: Door::parse(&row.door).unwrap_or(Door::Command),
            remote: row.remote.and_then(|text| text.parse().ok()),
            mail_from: row.mail_from,
            rcpt_to: row.rcpt_to,
            raw: row.raw,
        },
    });
    Ok(kept.collect())
}

/// By the primary key.
pub(super) async fn close(
    pool: &PgPool,
    id: IncomingId,
    now: Timestamp,
    understood: &Understood,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"update postrider.inbound set read_at = $2, due_at = null, kind = $3, effect = $4, proof = $5, letter_id = $6,
            detail = $7
        where id = $1 and read_at is null"#,
        id.0,
        OffsetDateTime::from(now),
        understood.kind.name(),
        understood.effect.name(),
        understood.proof.map(Proof::name),
        understood.letter.map(|letter| letter.0),
        understood.detail.replace('\0', "\u{fffd}"),
    )
    .execute(pool)
    .await
    .map(|_| ())
    .map_err(trouble(format!("noting that inbound mail {id} was read")))
}

/// Leaves one unread until then, by the primary key.
pub(super) async fn postpone(
    pool: &PgPool,
    id: IncomingId,
    until: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update postrider.inbound set due_at = $2 where id = $1 and read_at is null",
        id.0,
        OffsetDateTime::from(until),
    )
    .execute(pool)
    .await
    .map(|_| ())
    .map_err(trouble(format!("postponing inbound mail {id}")))
}
