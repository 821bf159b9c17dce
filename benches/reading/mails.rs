//! Mails that came back: the composed samples, and a corpus of real ones where `POSTRIDER_BOUNCES` names its folder.
//!
//! Owns the input and its parts. Promises: every sample counts alike; files are read before the clock starts.

use std::{env, fs, hint::black_box, path::Path};

use anyhow::{Context, Result};
use mail_parser::MessageParser;
use postrider::bounce::mail;

use crate::{seconds_per_pass, table::Table};

/// What issue and design ask of one core.
const GOAL_PER_SECOND: f64 = 30_000.0;

/// Mails of one origin and the names of their rows.
pub(crate) struct Post {
    mails: Vec<Vec<u8>>,
    read: &'static str,
    each: &'static str,
    octets: &'static str,
    yardstick: &'static str,
    ratio: &'static str,
}

/// The samples and, where there is one, the corpus.
pub(crate) fn post() -> Result<Vec<Post>> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails");
    let mut all = vec![Post {
        mails: folder(&samples)?,
        read: "mails: samples read by one core",
        each: "  a sample",
        octets: "  mean length of a sample",
        yardstick: "  yardstick: parsing a sample",
        ratio: "  a sample, of the yardstick",
    }];
    if let Ok(corpus) = env::var("POSTRIDER_BOUNCES") {
        all.push(Post {
            mails: folder(&Path::new(&corpus).join("eml"))?,
            read: "mails: corpus read by one core",
            each: "  a mail of the corpus",
            octets: "  mean length of a mail of the corpus",
            yardstick: "  yardstick: parsing a mail of the corpus",
            ratio: "  a mail of the corpus, of the yardstick",
        });
    }
    Ok(all)
}

fn folder(path: &Path) -> Result<Vec<Vec<u8>>> {
    let entries = fs::read_dir(path).with_context(|| format!("reading {}", path.display()))?;
    let mails = entries.map(|entry| Ok(fs::read(entry?.path())?));
    mails.collect()
}

/// The whole reading; and, as what does not depend on the machine, how it stands to a bare `mail-parser` over the same
/// mails, which takes them apart and understands nothing.
pub(crate) fn measure(post: &Post, table: &mut Table) -> Result<()> {
    let seconds = seconds_per_pass(|| {
        for mail in &post.mails {
            black_box(mail::read(mail));
        }
    })?;
    let parser = MessageParser::default();
    let parsing = seconds_per_pass(|| {
        for mail in &post.mails {
            black_box(parser.parse(mail.as_slice()));
        }
    })?;
    let count = post.mails.len() as f64;
    let octets: usize = post.mails.iter().map(Vec::len).sum();
    table.add(post.read, "mails/s", count / seconds);
    table.goal(post.read, GOAL_PER_SECOND);
    table.add(post.each, "ns", seconds / count * 1e9);
    table.add(post.octets, "octets", octets as f64 / count);
    table.add(post.yardstick, "ns", parsing / count * 1e9);
    table.add(post.ratio, "%", seconds / parsing * 100.0);
    Ok(())
}
