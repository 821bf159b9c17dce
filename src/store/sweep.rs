//! Walks over the whole queue, page by page: hold or withdraw what waits.
//!
//! Owns the pages. Promises: a page reads a bounded number of rows and is one transaction, so a walk can be stopped
//! anywhere and walked again; leased letters are counted and left alone, because they may be on the wire. What is enqueued
//! behind the walk is the engine's to hold.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{PgStore, holds::FAR, trouble};
use crate::{
    mail::{HoldId, Timestamp},
    port::StoreError,
};

/// Queue rows read by one page.
const PAGE: i64 = 5_000;

/// Which of the waiting letters are meant: only what the database knows of a letter before its way is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that wait.
    All,
    /// Those to one recipient domain.
    Domain(String),
    /// Those of one campaign.
    Campaign(String),
    /// Those of one stream.
    Stream(String),
    /// Those under one hold.
    Hold(HoldId),
}

/// What one page found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where the next page begins; `None` after the last.
    pub next: Option<Uuid>,
    /// Rows read.
    pub seen: i64,
    /// Letters moved.
    pub moved: i64,
    /// Letters that are meant and in the hands of a worker.
    pub leased: i64,
}

impl Which {
    fn words(&self) -> (&'static str, String) {
        match self {
            Self::All => ("all", String::new()),
            Self::Domain(value) => ("domain", value.clone()),
            Self::Campaign(value) => ("campaign", value.clone()),
            Self::Stream(value) => ("stream", value.clone()),
            Self::Hold(id) => ("hold", id.0.to_string()),
        }
    }
}

/// One page as the statements answer it.
macro_rules! page {
    ($row:expr) => {{
        let row = $row;
        Page {
            next: row.next.filter(|_| row.seen == PAGE),
            seen: row.seen,
            moved: row.moved,
            leased: row.leased,
        }
    }};
}

impl PgStore {
    /// Puts one page of ready letters that are meant under a hold.
    pub async fn hold_page(
        &self,
        which: &Which,
        hold: HoldId,
        after: Uuid,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let (kind, value) = which.words();
        let row = sqlx::query!(
            r#"
with page as materialized (
    select letter_id, shard from postrider.queue where letter_id > $1 order by letter_id limit $2
),
live as materialized (
    select h.id, concat_ws(' ', split_part(h.kind, '-', 1), nullif(h.value, '')) || ' is held by ' || h.author || ': ' || h.reason as words
    from postrider.hold h where h.id = $5 and h.released_at is null for share
),
meant as materialized (
    select q.letter_id, q.shard, q.lease_id, l.valid_until
    from page p join postrider.queue q on q.letter_id = p.letter_id and q.shard = p.shard
    join postrider.letter l on l.id = p.letter_id and l.shard = p.shard
    where (q.ready or q.lease_id is not null) and case $3
        when 'all' then true
        when 'domain' then exists (select 1 from postrider.lane n where n.id = q.lane and n.domain = $4)
        when 'campaign' then l.campaign = $4
        when 'stream' then l.stream = $4
        else q.hold::text = $4 end
),
found as materialized (
    select q.ctid as place, m.valid_until from meant m
    join postrider.queue q on q.letter_id = m.letter_id and q.shard = m.shard where q.ready
    for update of q skip locked
),
moved as (
    update postrider.queue q set ready = false, hold = live.id, due_at = coalesce(found.valid_until, $7)
    from found, live where q.ctid = found.place
    returning q.letter_id, q.shard, live.words
),
history as (
    insert into postrider.event (letter_id, shard, at, kind, text) select letter_id, shard, $6, 'held', words from moved
)
select (select letter_id from page order by letter_id desc limit 1) as next, (select count(*) from page) as "seen!",
    (select count(*) from moved) as "moved!", (select count(*) from meant where lease_id is not null) as "leased!"
"#,
            after,
            PAGE,
            kind,
            value,
            hold.0,
            OffsetDateTime::from(now),
            FAR,
        )
        .fetch_one(&self.calm)
        .await
        .map_err(trouble("holding what waits"))?;
        Ok(page!(row))
    }

    /// Withdraws one page of waiting letters that are meant: row, state and terminal event in one statement. `words` say who
    /// and why.
    pub async fn cancel_page(
        &self,
        which: &Which,
        words: &str,
        after: Uuid,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let (kind, value) = which.words();
        let row = sqlx::query!(
            r#"
with page as materialized (
    select letter_id, shard from postrider.queue where letter_id > $1 order by letter_id limit $2
),
meant as materialized (
    select q.letter_id, q.shard, q.lease_id
    from page p join postrider.queue q on q.letter_id = p.letter_id and q.shard = p.shard
    join postrider.letter l on l.id = p.letter_id and l.shard = p.shard
    where case $3
        when 'all' then true
        when 'domain' then exists (select 1 from postrider.lane n where n.id = q.lane and n.domain = $4)
        when 'campaign' then l.campaign = $4
        when 'stream' then l.stream = $4
        else q.hold::text = $4 end
),
found as materialized (
    select q.ctid as place from meant m
    join postrider.queue q on q.letter_id = m.letter_id and q.shard = m.shard where q.lease_id is null
    for update of q skip locked
),
moved as (
    delete from postrider.queue q using found where q.ctid = found.place returning q.letter_id, q.shard
),
state as (
    update postrider.letter l set state = 'cancelled', finished_at = $6 from moved
    where l.id = moved.letter_id and l.shard = moved.shard and l.state = 'open'
),
history as (
    insert into postrider.event (letter_id, shard, at, kind, text)
    select letter_id, shard, $6, 'cancelled', $5 from moved
)
select (select letter_id from page order by letter_id desc limit 1) as next, (select count(*) from page) as "seen!",
    (select count(*) from moved) as "moved!", (select count(*) from meant where lease_id is not null) as "leased!"
"#,
            after,
            PAGE,
            kind,
            value,
            words,
            OffsetDateTime::from(now),
        )
        .fetch_one(&self.calm)
        .await
        .map_err(trouble("withdrawing what waits"))?;
        Ok(page!(row))
    }

    /// About how many rows the queue has, for a progress bar.
    pub async fn queue_size(&self) -> Result<u64, StoreError> {
        let count = sqlx::query_scalar!(r#"select count(*) as "count!" from postrider.queue"#)
            .fetch_one(&self.calm)
            .await
            .map_err(trouble("counting the queue"))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}
