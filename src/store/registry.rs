//! What a letter may name, told to the database at start.
//!
//! Owns the table `registry`. Promises: after [`PgStore::sync_registry`] it holds exactly what was given. Leaves the reading
//! of configuration, templates and keys to their rooms.

use super::{PgStore, quiet, trouble};
use crate::port::StoreError;

/// A stream as enqueueing needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// Whether suppressions of marketing mail pass it by.
    pub transactional: bool,
    /// Priority of letters that name none, 0 to 9.
    pub priority: u8,
}

/// Everything that a letter may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    /// Streams of the configuration.
    pub streams: Vec<Stream>,
    /// Folders of templates.
    pub templates: Vec<String>,
    /// From domains that have a DKIM key.
    pub senders: Vec<String>,
}

impl PgStore {
    /// Makes the registry hold exactly this, and adds the time zones that are missing. Two nodes that sync at once wait for each other at the first common row and
    /// write in one order; the later one wins.
    pub async fn sync_registry(&self, registry: &Registry) -> Result<(), StoreError> {
        let (kinds, names, details) = registry.columns();
        sqlx::query!(
            r#"
with given as materialized (
    select distinct on (kind, name) * from unnest($1::text[], $2::text[], $3::text[]) as g (kind, name, detail)
),
gone as (
    delete from postrider.registry r where (r.kind, r.name) not in (select kind, name from given)
)
insert into postrider.registry as r (kind, name, detail)
select kind, name, detail::jsonb from given order by kind, name
on conflict (kind, name) do update set detail = excluded.detail where r.detail <> excluded.detail
"#,
            &kinds as _,
            &names,
            &details,
        )
        .execute(&self.calm)
        .await
        .map(|_| ())
        .map_err(trouble("telling the database streams, templates and senders"))?;
        quiet::tell_zones(&self.calm).await
    }
}

impl Registry {
    pub(super) fn columns(&self) -> (Vec<&'static str>, Vec<String>, Vec<String>) {
        let streams = self
            .streams
            .iter()
            .map(|stream| ("stream", stream.name.clone(), stream.detail()));
        let templates = self
            .templates
            .iter()
            .map(|name| ("template", name.clone(), "{}".to_owned()));
        let senders = self
            .senders
            .iter()
            .map(|name| ("sender", name.clone(), "{}".to_owned()));
        let mut columns = (Vec::new(), Vec::new(), Vec::new());
        for (kind, name, detail) in streams.chain(templates).chain(senders) {
            columns.0.push(kind);
            columns.1.push(name);
            columns.2.push(detail);
        }
        columns
    }
}

impl Stream {
    fn detail(&self) -> String {
        format!(
            r#"{{"transactional": {}, "priority": {}}}"#,
            self.transactional, self.priority
        )
    }
}
