//! Letters as people look at them: one, many, and how long the queue is.
//!
//! Owns the views and the withdrawal of a letter. Promises: nothing here changes a leased letter. History is in
//! [`super::events`].

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    PgStore,
    row::{self, LetterColumns},
    trouble,
};
use crate::{
    mail::{Letter, LetterId, Shard, State, Timestamp},
    policy::waits::Cause,
    port::{Broken, StoreError},
};

/// A letter and where it stands.
#[derive(Clone, Debug)]
pub struct LetterView {
    /// Its name.
    pub id: LetterId,
    /// The letter, or what is wrong with its row.
    pub letter: Result<Letter, Broken>,
    /// Where it stands.
    pub state: State,
    /// 0 goes first.
    pub priority: i16,
    /// Attempts made, while it is in the queue.
    pub attempts: Option<i16>,
    /// While it is queued: when it is due; while it is leased: when the lease ends.
    pub due_at: Option<Timestamp>,
    /// When it reached its final state.
    pub finished_at: Option<Timestamp>,
}

/// Which letters to list; an empty filter lists the newest.
#[derive(Clone, Debug, Default)]
pub struct LetterFilter {
    /// Only letters in this state.
    pub state: Option<State>,
    /// Only letters of this stream.
    pub stream: Option<String>,
    /// Only letters of this campaign.
    pub campaign: Option<String>,
    /// Only letters to this address, in its comparable form.
    pub to_key: Option<String>,
    /// Only letters older than this one: the last of the page before.
    pub before: Option<LetterId>,
    /// No more than this.
    pub max: u32,
}

/// How long the queue is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueStatus {
    /// Letters that may go now.
    pub ready: i64,
    /// Letters that wait for `send_at` or a retry.
    pub waiting: i64,
    /// Letters that wait for the end of their readers' quiet hours.
    pub quiet: i64,
    /// Letters that a person's hold keeps here.
    pub held: i64,
    /// Letters that a worker holds.
    pub leased: i64,
    /// The longest lanes.
    pub lanes: Vec<LaneStatus>,
}

/// One recipient domain's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// The recipient domain.
    pub domain: String,
    /// Letters that may go now.
    pub ready: i64,
    /// Letters that wait, for the end of quiet hours too.
    pub waiting: i64,
    /// Letters that a person's hold keeps here.
    pub held: i64,
    /// Letters that a worker holds.
    pub leased: i64,
    /// When its head is, or was, due.
    pub head_due_at: Option<Timestamp>,
}

/// What became of a wish to withdraw a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// It is withdrawn.
    Cancelled,
    /// A worker holds it and may be sending it: too late for now. If it comes back for a retry it can be withdrawn then.
    Leased,
    /// It had left the queue before.
    Finished,
    /// No such letter.
    Unknown,
}

#[derive(Debug)]
struct ViewRow {
    id: Uuid,
    shard: i16,
    priority: i16,
    state: String,
    finished_at: Option<OffsetDateTime>,
    attempts: Option<i16>,
    lease_id: Option<Uuid>,
    due_at: Option<OffsetDateTime>,
    stream: String,
    campaign: Option<String>,
    to_address: String,
    to_name: Option<String>,
    locale: Option<String>,
    time_zone: Option<String>,
    from_address: String,
    from_name: Option<String>,
    reply_to_address: Option<String>,
    reply_to_name: Option<String>,
    template: Option<String>,
    variables: Option<String>,
    body: Option<String>,
    tags: Option<Vec<String>>,
    enqueued_at: OffsetDateTime,
    send_at: Option<OffsetDateTime>,
    valid_until: Option<OffsetDateTime>,
}

/// The statement that reads letters as people look at them; the end says which ones.
macro_rules! views {
    ($end:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            ViewRow,
            r#"select l.id, l.shard, l.priority, l.state, l.finished_at, q.attempts as "attempts?", q.lease_id as "lease_id?",
                case when q.hold is null then q.due_at end as "due_at?", l.stream, l.campaign, l.to_address, l.to_name, l.locale, l.time_zone, l.from_address,
                l.from_name, l.reply_to_address, l.reply_to_name, l.template, l.variables::text, b.content::text as "body?",
                l.tags, l.enqueued_at, l.send_at, l.valid_until
            from postrider.letter l
            left join postrider.queue q on q.letter_id = l.id and q.shard = l.shard
            left join postrider.body b on b.hash = l.body
            "# + $end,
            $($argument),+
        )
    };
}

impl PgStore {
    /// One letter, by the primary key.
    pub async fn letter(&self, id: LetterId) -> Result<Option<LetterView>, StoreError> {
        let row = views!("where l.id = $1", id.0)
            .fetch_optional(&self.calm)
            .await
            .map_err(trouble(format!("reading letter {id}")))?;
        Ok(row.map(LetterView::from))
    }

    /// Letters, newest first, by the primary key backwards: ids sort by time. A filter that few letters meet reads on
    /// until it has enough.
    pub async fn letters(&self, filter: &LetterFilter) -> Result<Vec<LetterView>, StoreError> {
        let rows = views!(
            r"where ($1::text is null or case when l.state <> 'open' then l.state
                    when q.lease_id is null then 'queued' else 'leased' end = $1)
                and ($2::text is null or l.stream = $2)
                and ($3::text is null or l.campaign = $3)
                and ($4::text is null or (l.shard = postrider.shard($4) and postrider.address_key(l.to_address) = $4))
                and ($5::uuid is null or l.id < $5)
            order by l.id desc limit $6",
            filter.state.map(State::name),
            filter.stream,
            filter.campaign,
            filter.to_key,
            filter.before.map(|id| id.0),
            i64::from(filter.max),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("listing letters"))?;
        Ok(rows.into_iter().map(LetterView::from).collect())
    }

    /// How long the queue and its `max_lanes` longest lanes are: reads the whole queue, which is narrow.
    pub async fn queue_status(&self, max_lanes: u32) -> Result<QueueStatus, StoreError> {
        let rows = sqlx::query!(
            r#"select c.domain as "domain!", c.ready as "ready!", c.waiting as "waiting!", c.held as "held!", c.leased as "leased!",
                c.head_due_at, (sum(c.ready) over ())::bigint as "all_ready!",
                (sum(c.waiting) over ())::bigint as "all_waiting!", (sum(c.quiet) over ())::bigint as "all_quiet!",
                (sum(c.held) over ())::bigint as "all_held!", (sum(c.leased) over ())::bigint as "all_leased!"
            from (
                select l.domain, count(*) filter (where ready) as ready,
                    count(*) filter (where not ready and lease_id is null and hold is null) as waiting,
                    count(*) filter (where not ready and lease_id is null and hold is null and waits_for = $2) as quiet,
                    count(hold) as held, count(lease_id) as leased,
                    min(due_at) filter (where lease_id is null and hold is null) as head_due_at
                from postrider.queue q join postrider.lane l on l.id = q.lane group by l.domain
            ) as c
            order by c.ready + c.waiting + c.held + c.leased desc, c.domain limit $1"#,
            i64::from(max_lanes),
            Cause::QuietHours.name(),
        )
        .fetch_all(&self.calm)
        .await
        .map_err(trouble("counting the queue"))?;
        let mut status = QueueStatus::default();
        for row in rows {
            (status.ready, status.quiet) = (row.all_ready, row.all_quiet);
            status.waiting = row.all_waiting - row.all_quiet;
            (status.held, status.leased) = (row.all_held, row.all_leased);
            status.lanes.push(LaneStatus {
                domain: row.domain,
                ready: row.ready,
                waiting: row.waiting,
                held: row.held,
                leased: row.leased,
                head_due_at: row.head_due_at.map(Timestamp::from),
            });
        }
        Ok(status)
    }

    /// Withdraws a letter that is not leased: row, state and terminal event in one statement, by the primary keys. A
    /// worker that leases it at this moment wins or loses as a whole, because both want the same queue row.
    pub async fn cancel(&self, id: LetterId, now: Timestamp) -> Result<Cancel, StoreError> {
        let withdrawn = sqlx::query_scalar!(
            r#"
with gone as (
    delete from postrider.queue where letter_id = $1 and lease_id is null returning letter_id, shard
),
closed as (
    update postrider.letter l set state = 'cancelled', finished_at = $2 from gone
    where l.id = gone.letter_id and l.shard = gone.shard and l.state = 'open'
),
history as (
    insert into postrider.event (letter_id, shard, at, kind) select letter_id, shard, $2, 'cancelled' from gone
)
select count(*) as "gone!" from gone
"#,
            id.0,
            OffsetDateTime::from(now),
        )
        .fetch_one(&self.hot)
        .await
        .map_err(trouble(format!("cancelling letter {id}")))?;
        if withdrawn > 0 {
            return Ok(Cancel::Cancelled);
        }
        Ok(match self.letter(id).await? {
            None => Cancel::Unknown,
            Some(view) if view.state.is_final() => Cancel::Finished,
            Some(_) => Cancel::Leased,
        })
    }
}

impl From<ViewRow> for LetterView {
    fn from(row: ViewRow) -> Self {
        let state = State::parse(&row.state).unwrap_or(match row.lease_id {
            None => State::Queued,
            Some(_) => State::Leased,
        });
        let (priority, attempts) = (row.priority, row.attempts);
        let (due_at, finished_at) = (row.due_at, row.finished_at);
        Self {
            id: LetterId(row.id),
            state,
            priority,
            attempts,
            due_at: due_at.map(Timestamp::from),
            finished_at: finished_at.map(Timestamp::from),
            letter: row::letter(row.into_columns()),
        }
    }
}

impl ViewRow {
    fn into_columns(self) -> LetterColumns {
        LetterColumns {
            id: LetterId(self.id),
            shard: Shard(self.shard),
            stream: self.stream,
            campaign: self.campaign,
            to_address: self.to_address,
            to_name: self.to_name,
            locale: self.locale,
            time_zone: self.time_zone,
            from_address: self.from_address,
            from_name: self.from_name,
            reply_to_address: self.reply_to_address,
            reply_to_name: self.reply_to_name,
            template: self.template,
            variables: self.variables,
            body: self.body,
            tags: self.tags,
            enqueued_at: self.enqueued_at,
            send_at: self.send_at,
            valid_until: self.valid_until,
        }
    }
}
