//! What each statement costs PostgreSQL, when `BENCH_STATEMENTS` is set.
//!
//! Owns the question to `pg_stat_statements`, which comes with PostgreSQL's contributed modules. Promises: off, it changes
//! nothing; on, rates are lower than without, because counting costs as well.

use std::{
    env,
    io::{self, Write},
};

use anyhow::Result;
use sqlx::PgPool;

/// What the server must load for it.
pub(crate) const SETTINGS: [(&str, &str); 1] = [("shared_preload_libraries", "pg_stat_statements")];

/// Statements shown.
const DEAREST: &str = "select left(regexp_replace(query, '\\s+', ' ', 'g'), 70), calls, total_exec_time, rows
    from pg_stat_statements s join pg_database d on d.oid = s.dbid and d.datname = current_database()
    where toplevel order by total_exec_time desc limit 8";

/// Whether statements are counted.
pub(crate) fn counted() -> bool {
    env::var_os("BENCH_STATEMENTS").is_some()
}

/// Prints the dearest statements of a database; times are those of the clock, waits included.
pub(crate) async fn tell(pool: &PgPool, letters: usize) -> Result<()> {
    if !counted() {
        return Ok(());
    }
    sqlx::query("create extension if not exists pg_stat_statements")
        .execute(pool)
        .await?;
    let found: Vec<(String, i64, f64, i64)> = sqlx::query_as(DEAREST).fetch_all(pool).await?;
    for (statement, calls, millis, rows) in found {
        let micros = millis * 1e3 / letters as f64;
        writeln!(
            io::stderr().lock(),
            "    {micros:>6.1} us/letter {calls:>6} calls {rows:>7} rows  {statement}"
        )?;
    }
    // A database with a crowd sees several runs.
    sqlx::query("select pg_stat_statements_reset()")
        .execute(pool)
        .await?;
    Ok(())
}
