//! Mails from files, each kept, read and answered for before the next.
//!
//! Owns the loop over files, its bar and its last words. Promises: one file that cannot be read stops no other; memory is
//! that of one mail.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    super::{
        out::{Out, say},
        session::{self, Session, now},
        settings::Settings,
        words::{count, plain},
    },
    show::body,
};
use crate::{
    app::{
        inbound::{RealFeedback, feedback, maildir},
        names::resolver,
    },
    inbound::maildir::{incoming, read, read_all},
    mail::{Door, IncomingId},
    net::SystemClock,
    port::inbound::{Intake, Kept, LateStore},
};

/// Fewer files need no bar.
const BAR_FROM: usize = 20;

/// Mails taken at once from what was picked up.
const BATCH: u32 = 8;

/// Reads each file.
pub(super) async fn files(
    settings: &Settings,
    out: &mut Out,
    files: &[PathBuf],
    to: Option<&str>,
) -> Result<ExitCode> {
    session::with(settings, async |session| {
        let feedback = reader(session)?;
        let size_max = usize::try_from(session.config.inbound.size.0)?;
        let bar = bar(files.len());
        let mut unread = 0_u64;
        for file in files {
            match take(file, size_max) {
                Ok(raw) => one(&feedback, file, raw, to, out).await?,
                Err(error) => {
                    unread += 1;
                    bar.suspend(|| say(format!("{}: {error}", file.display())));
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        if unread > 0 {
            say(format!("{} could not be read.", count(unread, "file")));
        }
        Ok(ExitCode::from(u8::from(unread > 0)))
    })
    .await
}

/// Picks up each Maildir, then reads everything that waits.
pub(super) async fn maildirs(
    settings: &Settings,
    out: &mut Out,
    folders: &[PathBuf],
) -> Result<ExitCode> {
    session::with(settings, async |session| {
        let feedback = reader(session)?;
        let (mut kept, mut stuck) = (0, 0);
        for folder in folders {
            let maildir = maildir(&session.config.inbound, folder);
            let fault = || format!("{} must have the folders new and cur", folder.display());
            maildir.check().with_context(fault)?;
            // One look takes a bounded number of files; what cannot be taken is all that is left at the end.
            loop {
                let picked = maildir.pick_up(&session.store, &SystemClock).await?;
                kept += picked.kept as u64;
                if picked.kept == 0 {
                    stuck += picked.stuck.len() as u64;
                    for (path, error) in picked.stuck {
                        say(format!("{}: {error}", path.display()));
                    }
                    break;
                }
            }
        }
        waiting(&feedback, out).await?;
        let still = if stuck > 0 {
            format!(", {} stayed", count(stuck, "file"))
        } else {
            String::new()
        };
        say(format!("Picked up {}{still}.", count(kept, "mail")));
        Ok(ExitCode::from(u8::from(stuck > 0)))
    })
    .await
}

fn reader(session: &Session) -> Result<RealFeedback<()>> {
    let dns = resolver(&session.config)?;
    feedback(&session.config, session.store.clone(), dns, ())
}

fn bar(files: usize) -> ProgressBar {
    if files < BAR_FROM {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(files as u64);
    // The form is a constant; if it were wrong, the usual one would do.
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len}  {elapsed}") {
        bar.set_style(style);
    }
    bar
}

fn take(file: &Path, size_max: usize) -> io::Result<Vec<u8>> {
    if file.as_os_str() == "-" {
        read_all(io::stdin().lock(), size_max)
    } else {
        read(file, size_max)
    }
}

async fn one(
    feedback: &RealFeedback<()>,
    file: &Path,
    raw: Vec<u8>,
    to: Option<&str>,
    out: &mut Out,
) -> Result<()> {
    let mut mail = incoming(raw, Door::Command, &SystemClock);
    if let Some(to) = to {
        mail.rcpt_to = vec![to.to_owned()];
    }
    let id = feedback.store.keep(mail.clone()).await?;
    feedback.read(&Kept { id, mail }, now()).await?;
    tell(feedback, id, Some(file), out).await
}

/// Everything unread, whoever kept it: a command and a node share one pile.
async fn waiting(feedback: &RealFeedback<()>, out: &mut Out) -> Result<()> {
    loop {
        let now = now();
        let until = now.plus(std::time::Duration::from_mins(1));
        let batch = feedback.store.take(now, until, BATCH).await?;
        if batch.is_empty() {
            return Ok(());
        }
        for kept in batch {
            feedback.read(&kept, now).await?;
            tell(feedback, kept.id, None, out).await?;
        }
    }
}

async fn tell(
    feedback: &RealFeedback<()>,
    id: IncomingId,
    file: Option<&Path>,
    out: &mut Out,
) -> Result<()> {
    let Some(view) = feedback.store.inbound(id).await? else {
        return Ok(());
    };
    let name = file.map_or_else(|| id.to_string(), |file| file.display().to_string());
    let kind = view.kind.as_deref().unwrap_or("unread");
    let effect = view
        .effect
        .as_deref()
        .unwrap_or("waits for its letter, which is on the wire");
    let letter = view
        .letter
        .map_or_else(String::new, |letter| format!(", letter {letter}"));
    let line = plain(&format!("{name}: {kind}, {effect}{letter}"));
    out.thing(&body(&view, file), line)
}
