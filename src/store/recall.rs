//! Reading letters by their names, for a judge who has news of them.
//!
//! Owns one statement. Promises: nothing is claimed and nothing changed; a letter that no outcome can change any more is
//! left out. Read [`super::settle`] for what an outcome still changes.

use std::collections::HashMap;

use sqlx::PgPool;
use uuid::Uuid;

use super::{
    row::{self, LetterColumns},
    trouble,
};
use crate::{
    mail::{LetterId, Shard},
    port::{Claim, Lane, LeasedLetter, StoreError},
};

pub(super) async fn recall(
    pool: &PgPool,
    claims: &[Claim],
) -> Result<Vec<LeasedLetter>, StoreError> {
    let ids: Vec<Uuid> = claims.iter().map(|claim| claim.id.0).collect();
    let shards: Vec<i16> = claims.iter().map(|claim| claim.shard.0).collect();
    let rows = sqlx::query!(
        r#"select l.id, l.shard, l.stream, l.campaign, l.to_address, l.to_name, l.locale, l.time_zone, l.from_address,
            l.from_name, l.reply_to_address, l.reply_to_name, l.template, l.variables::text, b.content::text as "body?",
            l.tags, l.enqueued_at, l.send_at, l.valid_until
        from postrider.letter l
        left join postrider.body b on b.hash = l.body
        where (l.id, l.shard) in (select * from unnest($1::uuid[], $2::smallint[])) and l.state in ('open', 'in_doubt')"#,
        &ids,
        &shards,
    )
    .fetch_all(pool)
    .await
    .map_err(trouble(format!("reading {} letters again", claims.len())))?;
    let letters = rows.into_iter().map(|row| {
        let columns = LetterColumns {
            id: LetterId(row.id),
            shard: Shard(row.shard),
            stream: row.stream,
            campaign: row.campaign,
            to_address: row.to_address,
            to_name: row.to_name,
            locale: row.locale,
            time_zone: row.time_zone,
            from_address: row.from_address,
            from_name: row.from_name,
            reply_to_address: row.reply_to_address,
            reply_to_name: row.reply_to_name,
            template: row.template,
            variables: row.variables,
            body: row.body,
            tags: row.tags,
            enqueued_at: row.enqueued_at,
            send_at: row.send_at,
            valid_until: row.valid_until,
        };
        (LetterId(row.id), row::letter(columns).map(Box::new))
    });
    let letters: HashMap<LetterId, _> = letters.collect();
    Ok(claims
        .iter()
        .filter_map(|claim| {
            Some(LeasedLetter {
                lease: claim.lease,
                // Nobody leases by what was read here.
                lane: Lane(0),
                priority: u8::MAX,
                attempts: claim.attempts,
                suppressed: None,
                source: None,
                letter: letters.get(&claim.id)?.clone(),
            })
        })
        .collect())
}
