//! `cargo bench --bench peers`: Postrider and the mail servers that people use today, side by side on the same work.
//!
//! Owns the programme: who takes part, in which order, how often. Promises: everybody gets the same letters, domains,
//! name server and receiver; runs alternate; what is printed comes from the record that is written, and from nothing
//! else; the machine is left as it was. Read `stage` for the world of the bench, `peer` for who takes part, `race` for the
//! clock, `record` for the table. `docs/benchmarks.md` tells what may be compared.

#![expect(
    clippy::cast_precision_loss,
    reason = "counts of letters and octets are far below 2^53"
)]

mod clean;
#[path = "../common/cost.rs"]
#[expect(dead_code, reason = "the bench of deliveries uses the rest")]
mod cost;
mod dns;
#[path = "../common/enqueue.rs"]
mod enqueue;
mod group;
mod inject;
#[path = "../common/lab.rs"]
#[expect(dead_code, reason = "the bench of deliveries uses the rest")]
mod lab;
#[path = "../common/letters.rs"]
mod letters;
#[path = "../common/message.rs"]
mod message;
mod ours;
mod peer;
mod proof;
mod race;
mod record;
mod room;
mod sink;
mod stage;
mod table;
mod wishes;

use std::{
    env, fs,
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};

use self::{
    lab::{Key, Lab},
    peer::{PEERS, Peer},
    race::{Post, Work},
    record::Record,
    room::Room,
    table::Comparison,
    wishes::Wishes,
};

fn main() -> ExitCode {
    match begin() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody listens, the code says it.
            let _ = say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn begin() -> Result<()> {
    let wishes = Wishes::read()?;
    if let Some(path) = &wishes.show {
        return show(&Record::read(path)?);
    }
    let runtime = tokio::runtime::Runtime::new()?;
    if env::var_os(stage::ROLE).is_some() {
        return runtime.block_on(stage::until_left(on_stage(&wishes)));
    }
    runtime.block_on(stage::open(&wishes, prepare))
}

/// Installs everybody who takes part, while the network is still there.
async fn prepare(wishes: Wishes) -> Result<()> {
    for peer in taking_part(&wishes) {
        Room::of(&wishes.folder, peer)?.install(peer).await?;
    }
    Ok(())
}

/// The whole programme, in the world of the bench.
async fn on_stage(wishes: &Wishes) -> Result<()> {
    let lab = Lab::start(&[]).await?;
    let names = dns::serve().await?;
    let work = Work::prepare(&lab, wishes.letters)?;
    let mut record = Record::new(wishes, &work);
    for run in 1..=wishes.runs {
        say(&format!("run {run} of {}, load {}", wishes.runs, load()))?;
        for peer in taking_part(wishes) {
            let outcome = one(peer, wishes, &lab, &work).await;
            record.enter(peer, &Room::of(&wishes.folder, peer)?, outcome)?;
            record.write(&wishes.out)?;
        }
    }
    drop(names);
    lab.stop().await?;
    show(&record)?;
    say(&format!("the record is in {}", wishes.out.display()))?;
    record.all_came_home()
}

/// One run of one peer.
async fn one(peer: &Peer, wishes: &Wishes, lab: &Lab, work: &Work) -> Result<race::Run> {
    let post = Post {
        work,
        key: lab.pem(Key::Rsa)?,
        groups: wishes.groups.clone(),
    };
    match peer.door {
        peer::Door::Smtp => race::smtp(peer, &Room::of(&wishes.folder, peer)?, &post).await,
        peer::Door::Http | peer::Door::Sql => ours::race(peer, lab, &post, &wishes.folder).await,
    }
}

fn taking_part(wishes: &Wishes) -> impl Iterator<Item = &'static Peer> {
    let wanted = PEERS.iter().filter(|peer| wishes.wants(peer.word));
    wanted.filter(|peer| missing(peer, wishes).is_none())
}

/// What keeps a peer away.
fn missing(peer: &Peer, wishes: &Wishes) -> Option<&'static str> {
    match peer.needs {
        peer::Needs::Npm if !stage::finds("npm") => Some("npm is not here"),
        peer::Needs::Kumod if wishes.kumod.is_none() => Some("POSTRIDER_KUMOD names no kumod"),
        _ => None,
    }
}

fn show(record: &Record) -> Result<()> {
    Ok(writeln!(io::stdout().lock(), "{}", Comparison(record))?)
}

/// Talk goes to standard error; the table alone to standard output.
fn say(line: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "{line}")
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

/// A file's text, and its name when it cannot be read.
fn read(path: &std::path::Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// Says who is left out, and whether anybody takes part at all.
fn check(wishes: &Wishes) -> Result<()> {
    for peer in PEERS.iter().filter(|peer| wishes.wants(peer.word)) {
        if let Some(why) = missing(peer, wishes) {
            say(&format!("without {}: {why}", peer.word))?;
        }
    }
    if taking_part(wishes).next().is_none() {
        let words: Vec<&str> = PEERS.iter().map(|peer| peer.word).collect();
        bail!(
            "nobody takes part; BENCH_ONLY is a list of {}",
            words.join(", ")
        );
    }
    Ok(())
}
