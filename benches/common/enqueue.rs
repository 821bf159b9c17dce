//! Callers of the two doors that a backend uses: a set in SQL, a stream over HTTP.
//!
//! Promises: every letter was accepted when a call returns, which means that it survives a power cut; or it is an error.

use std::{fmt::Write as _, net::SocketAddr};

use anyhow::{Context, Result, bail};
use sqlx::PgPool;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// Letters of one set.
pub(crate) const SET: usize = 500;

/// Enqueues a set with the SQL function, as a backend does.
pub(crate) async fn set(pool: PgPool, batch: Vec<String>) -> Result<()> {
    let count: i64 = sqlx::query_scalar(
        "select count(*) from postrider.enqueue($1::text[]::jsonb[]) as a where a->>'status' = 'accepted'",
    )
    .bind(&batch)
    .fetch_one(&pool)
    .await?;
    all_accepted(batch.len(), usize::try_from(count)?)
}

/// One request with all letters; answers are read while letters are written, as its stream asks of callers.
pub(crate) async fn post(address: SocketAddr, key: String, batch: Vec<String>) -> Result<()> {
    let mut body = batch.join("\n");
    body.push('\n');
    let mut head = String::new();
    write!(
        head,
        "POST /v1/letters HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/x-ndjson\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    let (mut reading, mut writing) = TcpStream::connect(address).await?.into_split();
    let mut sender = JoinSet::new();
    sender.spawn(async move {
        writing.write_all(head.as_bytes()).await?;
        writing.write_all(body.as_bytes()).await?;
        // The other half lives until the answer is complete.
        anyhow::Ok(writing)
    });
    let mut answer = String::new();
    reading.read_to_string(&mut answer).await?;
    sender.join_next().await.context("no sender")???;
    let accepted = answer.matches(r#""accepted""#).count();
    all_accepted(batch.len(), accepted)
}

/// A letter that was refused spoils every figure.
pub(crate) fn all_accepted(given: usize, accepted: usize) -> Result<()> {
    if given != accepted {
        bail!("of {given} letters only {accepted} were accepted");
    }
    Ok(())
}
