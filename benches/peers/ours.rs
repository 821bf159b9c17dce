//! Our own run: `postrider serve` as anybody starts it, with its PostgreSQL, and letters by one of its own doors.
//!
//! Promises: the default configuration but for names, folders and the name server; PostgreSQL with `fsync`; its processes
//! are counted as ours. After the clock the database must say of every letter that it was delivered, or the run is void.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use postrider::{net::SystemClock, port::Clock, store::PgStore};
use sqlx::PgPool;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    sync::Mutex,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    dns,
    enqueue::{SET, post, set},
    group::Group,
    lab::{Database, Key, Lab},
    letters::Letters,
    peer::{Door, Peer},
    race::{Post, Run, clock},
};

/// Callers of a door: what a backend does that writes in batches.
const CALLERS: usize = 4;

/// The address of the HTTP door.
const HTTP: &str = "127.0.0.1:8025";

/// How long starting, settling and stopping may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// One run.
pub(crate) async fn race(peer: &Peer, lab: &Lab, work: &Post<'_>, folder: &Path) -> Result<Run> {
    let database = lab.database("peers").await?;
    let mut group = Group::new(work.groups.as_ref(), peer.word)?;
    group.adopt(lab.server().await?)?;
    let mut engine = start(lab, &database, &group, folder)?;
    group.follow(engine.id().context("the engine has ended")?);
    ready(&mut engine).await?;
    let calls = Calls::prepare(peer.door, &database, work.work.letters).await?;
    let run = clock(peer, work, &group, calls.make()).await?;
    all_delivered(&database.pool, work.work.letters).await?;
    stop(engine).await?;
    group.release()?;
    lab.drop(database).await?;
    Ok(run)
}

fn start(lab: &Lab, database: &Database, group: &Group, folder: &Path) -> Result<Child> {
    let folder = folder.join("ours");
    fs::create_dir_all(&folder)?;
    let log = File::create(folder.join("log"))?;
    Command::new("sh")
        .args(["-c", r#"echo 0 > "$BENCH_GROUP"; exec "$@""#, "sh"])
        .arg(env!("CARGO_BIN_EXE_postrider"))
        .arg("serve")
        .arg("--config")
        .arg(configuration(lab, &folder)?)
        .env("BENCH_GROUP", group.entry())
        .env("DATABASE_URL", &database.url)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .context("starting postrider serve")
}

/// The file of the lab, and where the stage's name server is.
fn configuration(lab: &Lab, folder: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(lab.configure(Key::Rsa)?)?;
    let path = folder.join("postrider.toml");
    let more = format!(
        "[http]\nlisten = \"{HTTP}\"\n[dns]\nservers = [\"{}\"]\n",
        dns::SERVER
    );
    fs::write(&path, text + &more)?;
    Ok(path)
}

async fn ready(engine: &mut Child) -> Result<()> {
    let begun = Instant::now();
    while TcpStream::connect(HTTP).await.is_err() {
        if let Some(ended) = engine.try_wait()? {
            bail!("postrider serve ended at once: {ended}");
        }
        if begun.elapsed() > PATIENCE {
            bail!("postrider serve does not listen at {HTTP}");
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// What the callers of a door will say, prepared before the clock starts.
struct Calls {
    door: Door,
    pool: PgPool,
    key: String,
    batches: Vec<Vec<String>>,
}

impl Calls {
    async fn prepare(door: Door, database: &Database, letters: usize) -> Result<Self> {
        let store = PgStore::connect(database.url.parse()?, 2).await?;
        let key = store.new_key("bench", [7; 32], SystemClock.now()).await?;
        store.close().await;
        let writer = Letters::new()?;
        let batch = match door {
            Door::Http => letters.div_ceil(CALLERS),
            Door::Sql | Door::Smtp => SET,
        };
        let firsts = (0..letters).step_by(batch);
        let batches =
            firsts.map(|first| writer.range(first..(first + batch).min(letters), "peers"));
        Ok(Self {
            door,
            pool: database.pool.clone(),
            key,
            batches: batches.collect(),
        })
    }

    async fn make(self) -> Result<()> {
        let http: SocketAddr = HTTP.parse()?;
        let batches = Arc::new(Mutex::new(self.batches));
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (pool, key, batches) = (self.pool.clone(), self.key.clone(), Arc::clone(&batches));
            callers.spawn(async move {
                loop {
                    let Some(batch) = batches.lock().await.pop() else {
                        return anyhow::Ok(());
                    };
                    match self.door {
                        Door::Http => post(http, key.clone(), batch).await?,
                        Door::Sql | Door::Smtp => set(pool.clone(), batch).await?,
                    }
                }
            });
        }
        while let Some(ended) = callers.join_next().await {
            ended??;
        }
        Ok(())
    }
}

/// The receiver has them all; now the database must know.
async fn all_delivered(pool: &PgPool, letters: usize) -> Result<()> {
    let begun = Instant::now();
    loop {
        let delivered: i64 =
            sqlx::query_scalar("select count(*) from postrider.letter where state = 'delivered'")
                .fetch_one(pool)
                .await?;
        if usize::try_from(delivered)? == letters {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("the database says that {delivered} of {letters} letters were delivered");
        }
        sleep(PAUSE).await;
    }
}

async fn stop(mut engine: Child) -> Result<()> {
    let process = engine.id().context("postrider serve has ended")?;
    kill(Pid::from_raw(i32::try_from(process)?), Signal::SIGTERM)?;
    let ended = timeout(PATIENCE, engine.wait()).await??;
    anyhow::ensure!(ended.success(), "postrider serve failed: {ended}");
    Ok(())
}
