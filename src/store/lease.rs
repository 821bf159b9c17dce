//! Claiming letters: one statement that steps from lane to lane.
//!
//! Owns the lease. Promises: highest priority first; a lane without room costs one index probe however long it is; no lane
//! beyond its room; every letter to one claim only. Leaves the end of claims to [`super::promote`] and their outcome to
//! [`super::settle`].

use futures_util::TryStreamExt;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    claims,
    row::{self, LetterColumns},
    trouble,
};
use crate::{
    mail::{LetterId, Reason, Shard},
    port::{Cursor, Lane, LaneRoom, LeaseAsk, LeaseId, Leased, LeasedLetter, StoreError, URGENT},
};

/// One row of the lease: the letter, if any was claimed, beside where the look ended.
#[derive(Debug)]
struct LeasedRow {
    resume: Option<i32>,
    resume_within: Option<i16>,
    letter_id: Option<Uuid>,
    shard: Option<i16>,
    lane: Option<i32>,
    attempts: Option<i16>,
    priority: Option<i16>,
    suppressed: Option<String>,
    source: Option<String>,
    stream: Option<String>,
    campaign: Option<String>,
    to_address: Option<String>,
    to_name: Option<String>,
    locale: Option<String>,
    time_zone: Option<String>,
    from_address: Option<String>,
    from_name: Option<String>,
    reply_to_address: Option<String>,
    reply_to_name: Option<String>,
    template: Option<String>,
    variables: Option<String>,
    body: Option<String>,
    tags: Option<Vec<String>>,
    enqueued_at: Option<OffsetDateTime>,
    send_at: Option<OffsetDateTime>,
    valid_until: Option<OffsetDateTime>,
}

pub(super) async fn lease(pool: &PgPool, ask: LeaseAsk) -> Result<Leased, StoreError> {
    let (lease, now) = (ask.lease, ask.now);
    let (mut rows, too_much) = claim(pool, ask).await?;
    claims::release(pool, &too_much, now).await?;
    let resume = rows.first().and_then(LeasedRow::cursor);
    rows.sort_by_key(|row| row.priority);
    let letters = rows
        .into_iter()
        .filter_map(|row| row.into_letter(lease))
        .collect();
    Ok(Leased { letters, resume })
}

/// Claims that brought more content than was asked for.
type TooMuch = Vec<(LeaseId, Shard, LetterId)>;

/// `lanes` is a skip scan over the index `queue_ready`: each step is one probe for the next lane that has ready letters, in
/// twenty stretches (ten priorities, each first after the cursor and then up to it), and nothing is stepped before it is
/// asked for. A look that has met 2,000 lanes ends, and the next one goes on there ([`Cursor::Within`]). `taken` locks letters of one lane at a time; rows that another worker holds are skipped, never waited for.
/// Within a lane the index has the most active readers first (`last_active_at` of the letter), then those who wait longest.
/// A lane with letters of several priorities is met several times; `kept` holds it to its room. Rows are read as they come,
/// so that large letters beyond the wish never lie in memory together.
async fn claim(pool: &PgPool, ask: LeaseAsk) -> Result<(Vec<LeasedRow>, TooMuch), StoreError> {
    let room = rooms(&ask.room);
    let (mut kept, mut too_much, mut octets) = (Vec::new(), Vec::new(), 0_u64);
    let mut rows = sqlx::query_file_as!(
        LeasedRow,
        "src/store/lease.sql",
        ask.lease.0,
        OffsetDateTime::from(ask.until),
        i32::try_from(ask.max).unwrap_or(i32::MAX),
        i32::try_from(ask.per_lane).unwrap_or(i32::MAX),
        room,
        ask.after.map_or(0, |cursor| cursor.lane().0),
        OffsetDateTime::from(ask.now),
        i32::from(ask.priority_max),
        i32::from(URGENT),
        ask.after.and_then(Cursor::priority).map(i32::from),
    )
    .fetch(pool);
    let failed = || trouble(format!("leasing up to {} letters", ask.max));
    while let Some(row) = rows.try_next().await.map_err(failed())? {
        octets = octets.saturating_add(row.octets());
        match (row.letter_id, row.shard) {
            (Some(id), Some(shard)) if octets > ask.octets && !kept.is_empty() => {
                too_much.push((ask.lease, Shard(shard), LetterId(id)));
            }
            _ => kept.push(row),
        }
    }
    drop(rows);
    Ok((kept, too_much))
}

/// The lanes' room as one JSON object, because looking a lane up in it never becomes a join that the planner may turn round.
fn rooms(room: &[(Lane, LaneRoom)]) -> String {
    let entries: Vec<String> = room
        .iter()
        .map(|(lane, free)| format!("\"{}\":[{},{}]", lane.0, free.normal, free.urgent))
        .collect();
    format!("{{{}}}", entries.join(","))
}

impl LeasedRow {
    fn cursor(&self) -> Option<Cursor> {
        let lane = Lane(self.resume?);
        Some(match self.resume_within {
            Some(priority) => Cursor::Within(u8::try_from(priority).unwrap_or(0), lane),
            None => Cursor::After(lane),
        })
    }

    fn octets(&self) -> u64 {
        let texts = [&self.body, &self.variables].into_iter().flatten();
        texts.map(|text| text.len() as u64).sum()
    }

    fn into_letter(self, lease: LeaseId) -> Option<LeasedLetter> {
        let id = LetterId(self.letter_id?);
        let shard = Shard(self.shard?);
        let columns = LetterColumns {
            id,
            shard,
            stream: self.stream?,
            campaign: self.campaign,
            to_address: self.to_address?,
            to_name: self.to_name,
            locale: self.locale,
            time_zone: self.time_zone,
            from_address: self.from_address?,
            from_name: self.from_name,
            reply_to_address: self.reply_to_address,
            reply_to_name: self.reply_to_name,
            template: self.template,
            variables: self.variables,
            body: self.body,
            tags: self.tags,
            enqueued_at: self.enqueued_at?,
            send_at: self.send_at,
            valid_until: self.valid_until,
        };
        Some(LeasedLetter {
            lease,
            lane: Lane(self.lane?),
            priority: u8::try_from(self.priority?).unwrap_or(u8::MAX),
            attempts: u16::try_from(self.attempts?).unwrap_or(0),
            suppressed: self
                .suppressed
                .map(|reason| Reason::parse(&reason).unwrap_or(Reason::Manual)),
            source: self.source,
            letter: row::letter(columns).map(Box::new),
        })
    }
}
