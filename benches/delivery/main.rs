//! `cargo bench`: what this machine allows, and what Postrider makes of it, in one table with ratios.
//!
//! Owns the programme: which measurements, in which order, how often. Promises: all runs alternate, so that a busy
//! moment of the machine hits everything alike; every figure was measured in this very run. Read `physics`, `doors` and
//! `journey` for the three parts; `docs/benchmarks.md` tells how to read the table.
//!
//! `BENCH_RUNS` (3) is how often, `BENCH_LETTERS` (20000) how many letters, `BENCH_WAITING` (1000000) how many wait in
//! the crowded queue, `BENCH_ONLY` which parts: a list of `physics`, `doors`, `shaping`, `rsa`, `open`, `ed25519`,
//! `starttls`, `hardship`, `waiting`, `dead`, `urgent`. `BENCH_STATEMENTS` counts what each statement costs PostgreSQL, at the price of lower rates.

#![expect(
    clippy::cast_precision_loss,
    reason = "counts of letters are far below 2^53"
)]

mod child;
#[path = "../common/cost.rs"]
#[expect(dead_code, reason = "the bench of peers uses the rest")]
mod cost;
mod crowded;
mod doors;
#[path = "../common/enqueue.rs"]
mod enqueue;
mod journey;
#[path = "../common/lab.rs"]
mod lab;
#[path = "../common/letters.rs"]
mod letters;
#[path = "../common/message.rs"]
mod message;
mod physics;
mod shaping;
mod statements;
mod table;

use std::{
    env, fs,
    io::{self, Write},
    str::FromStr,
    thread,
};

use anyhow::{Context, Result};

use self::{
    child::Manners,
    journey::{Findings, Journey, Start},
    lab::{Database, Key, Lab},
    table::Table,
};

/// As in the binary: engine and receiver are children of this program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Names of the rows that others are compared to.
const PLAIN: &str = "end to end, RSA-2048";

/// What it costs, all processes together; enqueueing came before.
const COST: &str = "  all three, processor time";

/// A kind of run and its place in the table.
struct Part {
    word: &'static str,
    name: &'static str,
    base: &'static str,
    goal: f64,
    journey: fn(usize) -> Journey,
}

const PARTS: [Part; 7] = [
    Part {
        word: "rsa",
        name: PLAIN,
        base: physics::LIMIT,
        goal: 0.35,
        journey: plain,
    },
    Part {
        word: "open",
        name: "end to end, RSA-2048, from the first enqueue on",
        base: physics::LIMIT,
        goal: 0.35,
        journey: |letters| Journey {
            start: Start::BeforeEnqueue,
            ..plain(letters)
        },
    },
    Part {
        word: "ed25519",
        name: "end to end, Ed25519",
        base: physics::LIMIT_ED25519,
        goal: 0.0,
        journey: |letters| Journey {
            key: Key::Ed25519,
            ..plain(letters)
        },
    },
    Part {
        word: "starttls",
        name: "end to end, RSA-2048, STARTTLS",
        base: PLAIN,
        goal: 0.85,
        journey: |letters| Journey {
            manners: Manners {
                starttls: true,
                ..Manners::default()
            },
            ..plain(letters)
        },
    },
    Part {
        word: "hardship",
        name: "end to end, 20 ms latency, 1 % deferred, 2 % bounced",
        base: PLAIN,
        goal: 0.9,
        journey: |letters| Journey {
            manners: Manners {
                latency: 20,
                refused: (0.01, 0.02),
                ..Manners::default()
            },
            ..plain(letters)
        },
    },
    Part {
        word: WAITING,
        name: "end to end, RSA-2048, a million others waiting",
        base: PLAIN,
        goal: 0.9,
        journey: plain,
    },
    Part {
        word: DEAD,
        name: "end to end, RSA-2048, a million due at a provider that never answers",
        base: PLAIN,
        goal: 0.95,
        journey: plain,
    },
];

/// The part beside letters that nobody will take, and the part of urgent letters among others that are due.
const DEAD: &str = "dead";
const URGENT: &str = "urgent";

/// Databases with many letters in them, filled once.
#[derive(Default)]
struct Crowds {
    waiting: Option<Database>,
    dead: Option<Database>,
    due: Option<Database>,
}

/// The part that has a database of its own, filled once.
const WAITING: &str = "waiting";

const fn plain(letters: usize) -> Journey {
    Journey {
        letters,
        key: Key::Rsa,
        manners: Manners {
            starttls: false,
            latency: 0,
            refused: (0.0, 0.0),
        },
        start: Start::AfterEnqueue,
    }
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    match env::var("BENCH_ROLE").as_deref() {
        Ok("sink") => runtime.block_on(child::play_sink()),
        Ok("engine") => {
            tracing_subscriber::fmt().with_writer(io::stderr).init();
            runtime.block_on(child::play_engine())
        }
        _ => runtime.block_on(conduct()),
    }
}

async fn conduct() -> Result<()> {
    let (runs, letters) = (number("BENCH_RUNS", 3)?, number("BENCH_LETTERS", 20_000)?);
    let counting: &[_] = if statements::counted() {
        &statements::SETTINGS
    } else {
        &[]
    };
    let lab = Lab::start(counting).await?;
    introduce(&lab, runs, letters)?;
    let crowds = Crowds::gather(&lab).await?;
    let mut table = Table::default();
    for run in 1..=runs {
        writeln!(io::stderr().lock(), "run {run} of {runs}, load {}", load())?;
        round(&lab, &mut table, &crowds, run, letters).await?;
    }
    compare(&mut table);
    writeln!(io::stdout().lock(), "{table}")?;
    crowds.disperse(&lab).await?;
    lab.stop().await
}

async fn round(
    lab: &Lab,
    table: &mut Table,
    crowds: &Crowds,
    run: usize,
    letters: usize,
) -> Result<()> {
    if wanted("physics") {
        physics::measure(lab, table).await?;
    }
    if wanted("doors") {
        doors::measure(lab, table).await?;
    }
    if wanted("shaping") {
        shaping::measure(table).await?;
    }
    for part in PARTS.iter().filter(|part| wanted(part.word)) {
        let journey = (part.journey)(letters);
        let campaign = format!("run-{run}");
        let crowd = match part.word {
            WAITING => crowds.waiting.as_ref(),
            DEAD => crowds.dead.as_ref(),
            _ => None,
        };
        let findings = if let Some(crowd) = crowd {
            let findings = journey.run(lab, crowd, &campaign).await;
            statements::tell(&crowd.pool, letters).await?;
            findings
        } else {
            let database = lab.database("journey").await?;
            let findings = journey.run(lab, &database, &campaign).await;
            statements::tell(&database.pool, letters).await?;
            lab.drop(database).await?;
            findings
        };
        let findings = findings.with_context(|| part.name)?;
        enter(table, part, findings)?;
    }
    if let Some(due) = &crowds.due {
        crowded::urgent(lab, due, &format!("urgent-{run}"), table).await?;
    }
    Ok(())
}

fn enter(table: &mut Table, part: &Part, findings: Findings) -> Result<()> {
    table
        .add(part.name, "letters/s", findings.rate)
        .tell(part.name)?;
    match part.word {
        "rsa" => {
            let cost = findings.cost;
            table.add_known("  engine, processor time", "us/letter", cost.engine);
            table.add_known("  PostgreSQL, processor time", "us/letter", cost.postgres);
            table.add_known("  receiver, processor time", "us/letter", cost.receiver);
            table.add_known("  engine, most memory", "MB", findings.memory);
            table.add_known(COST, "us/letter", cost.total());
            table.add("  connection carries", "letters", findings.per_connection);
        }
        DEAD => table.add_known(
            "  all three, processor time, beside that provider",
            "us/letter",
            findings.cost.total(),
        ),
        WAITING => table.add_known(
            "  engine, most memory, a million queued",
            "MB",
            findings.memory,
        ),
        _ => {}
    }
    Ok(())
}

fn compare(table: &mut Table) {
    for part in &PARTS {
        table.compare(part.name, part.base, part.goal);
    }
    // How much dearer a letter is than its bare signature and wire: the neighbours' load does not change this one much.
    table.compare(COST, physics::LIMIT_COST, 0.0);
    table.at_most("  engine, most memory, a million queued", 200.0);
    table.at_most(crowded::URGENT, 1_000.0);
}

impl Crowds {
    /// Queues whatever the wanted parts need.
    async fn gather(lab: &Lab) -> Result<Self> {
        let waiting = number("BENCH_WAITING", 1_000_000)?;
        let mut crowds = Self::default();
        if wanted(WAITING) {
            writeln!(
                io::stderr().lock(),
                "queueing {waiting} letters that are due tomorrow"
            )?;
            let database = lab.database("crowd").await?;
            journey::fill_tomorrow(&database, waiting).await?;
            crowds.waiting = Some(database);
        }
        if wanted(DEAD) {
            writeln!(
                io::stderr().lock(),
                "queueing {waiting} letters that nobody will take"
            )?;
            crowds.dead = Some(crowded::dead(lab, waiting).await?);
        }
        if wanted(URGENT) {
            writeln!(
                io::stderr().lock(),
                "queueing {waiting} letters that are due now"
            )?;
            crowds.due = Some(crowded::due(lab, waiting).await?);
        }
        Ok(crowds)
    }

    async fn disperse(self, lab: &Lab) -> Result<()> {
        for crowd in [self.waiting, self.dead, self.due].into_iter().flatten() {
            lab.drop(crowd).await?;
        }
        Ok(())
    }
}

fn introduce(lab: &Lab, runs: usize, letters: usize) -> Result<()> {
    let cores = thread::available_parallelism()?;
    writeln!(
        io::stdout().lock(),
        "{cores} cores, {runs} alternating runs, {letters} letters each, PostgreSQL with fsync at {}\n",
        lab.data().display()
    )?;
    Ok(())
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

/// Whether a part is to be measured.
fn wanted(word: &str) -> bool {
    env::var("BENCH_ONLY").map_or(true, |only| only.split(',').any(|part| part.trim() == word))
}

fn number<T: FromStr>(name: &str, usual: T) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    env::var(name).map_or(Ok(usual), |text| {
        text.parse()
            .with_context(|| format!("{name} is not a number: {text}"))
    })
}
