//! `postrider send`: letters from a file into the queue.
//!
//! Owns the command: read, enqueue in batches, answer line by line. Promises: memory is bounded whatever the file; one bad
//! line stops no other; the last words say what became of every letter. The path is the database's own `enqueue`, the same
//! as for SQL and HTTP. Read [`source`] for the two forms of a file.

mod allowance;
mod batch;
mod constants;
mod csv;
mod ndjson;
mod row;
mod source;
mod tally;

use std::{panic::resume_unwind, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Args;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::spawn_blocking,
};

use self::{
    batch::Batch,
    constants::Constant,
    source::{Format, Source},
    tally::Tally,
};
use super::{
    out::{Out, say},
    session::{self, Session, now},
    settings::Settings,
};
use crate::{
    app::{desk, preflight::Preflight},
    config::{self, stream::LintGate},
    store::Answer,
};

/// Batches read ahead while the database works on one.
const AHEAD: usize = 1;

/// Put letters from a file into the queue: one JSON object per line (docs/letter.md), or CSV with a head row.
///
/// The head row of CSV names fields with dots: `to.address`, `to.name`, `variables.order_id`; `tags` are separated by `;`;
/// a name that ends in `:json`, as `variables.items:json`, holds JSON. Empty cells are left out.
///
/// A letter with an `idempotency_key` can be sent again without harm.
#[derive(Debug, Args)]
pub(super) struct Send {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// Its form [default: by its name's end; standard input is ndjson]
    #[arg(long)]
    format: Option<Format>,
    /// A field for every letter that does not have it, as `--set stream=marketing --set from=news@example.com`.
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    constants: Vec<Constant>,
    /// Letters stored by one transaction [default: `limits.batch` of the configuration]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: Option<u32>,
}

impl Send {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let source = Source::open(&self.file, self.format)?;
        let is_fine = session::with(settings, async |session| {
            session.register().await?;
            let preflight = preflight(session);
            self.pour(source, session, preflight, out).await
        })
        .await?;
        Ok(ExitCode::from(u8::from(!is_fine)))
    }

    async fn pour(
        &self,
        source: Source,
        session: &Session,
        preflight: Option<Preflight>,
        out: &mut Out,
    ) -> Result<bool> {
        let limits = &session.config.limits;
        let letter_max = u32::try_from(limits.letter_size.0).unwrap_or(u32::MAX);
        let batch_max = self.batch.unwrap_or(limits.batch) as usize;
        let mut tally = Tally::new(source.octets());
        let rows = source.rows(self.constants.clone(), letter_max as usize)?;
        let (give, mut take) = mpsc::channel(AHEAD);
        // Files and pipes are read on a thread of their own, which a pipe may hold for ever.
        let reader = tokio::task::spawn_blocking(move || batch::read(rows, batch_max, &give));
        let mut asked = signal(SignalKind::interrupt())?;
        loop {
            let batch = tokio::select! {
                biased;
                _ = asked.recv() => {
                    tally.interrupted(out)?;
                    return Ok(false);
                }
                batch = take.recv() => batch,
            };
            let Some(batch) = batch else { break };
            let batch = look(batch, preflight.clone()).await;
            answer(batch, session, letter_max, &mut tally, out).await?;
        }
        // What was read before a fault is in the queue: say so before the fault.
        tally.finish(out)?;
        reader.await??;
        Ok(tally.is_fine())
    }
}

/// Looks at letters where a stream wants it. A configuration that cannot write letters cannot look at them either; the node that
/// sends them will.
fn preflight(session: &Session) -> Option<Preflight> {
    let wants = |stream: &config::Stream| stream.lint != LintGate::Off;
    if !session.config.stream.iter().any(wants) {
        return None;
    }
    match desk::shared(&session.config) {
        Ok(desk) => Preflight::of(&desk),
        Err(trouble) => {
            say(format!(
                "note: letters are not looked at here, because: {trouble:#}"
            ));
            None
        }
    }
}

/// Takes out what the gates of the streams refuse, and notes the flaws of the others.
async fn look(batch: Batch, preflight: Option<Preflight>) -> Batch {
    let Some(preflight) = preflight else {
        return batch;
    };
    let now = now();
    let looked = spawn_blocking(move || batch.sift(|json| preflight.look(json, now)));
    // The thread is never cancelled, and a panic of ours ends the command like any other.
    looked
        .await
        .unwrap_or_else(|broken| resume_unwind(broken.into_panic()))
}

/// Enqueues what can be read of a batch and tells every line's answer in the order of the file.
async fn answer(
    mut batch: Batch,
    session: &Session,
    letter_max: u32,
    tally: &mut Tally,
    out: &mut Out,
) -> Result<()> {
    let stored = session
        .store
        .enqueue(&batch.letters, letter_max, now())
        .await?;
    let mut stored = stored.into_iter();
    for (line, fault) in batch.lines {
        let answer = match fault {
            Some((field, why)) => Answer::Invalid { field, why },
            // One answer per letter, in order: `enqueue` promises it.
            None => stored.next().ok_or_else(|| {
                anyhow::anyhow!("the database gave fewer answers than it got letters")
            })?,
        };
        let flaws = batch.flaws.remove(&line).unwrap_or_default();
        tally.tell(line, answer, flaws, out)?;
    }
    tally.read_up_to(batch.octets);
    Ok(())
}
