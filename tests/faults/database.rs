//! A database that is restarted, killed, or out of reach, under load.

use std::{env, path::Path, sync::Arc, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use postrider::{
    cluster::{Cluster, ClusterOptions},
    sim::{Plan, Temper},
};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use tokio::{
    io::copy_bidirectional,
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::{
    account::account,
    process::mortal,
    support,
    world::{World, letter_of, people, provider},
};

const LETTERS: usize = 1_200;
const DOMAINS: usize = 6;

/// `POSTRIDER_UNREACHABLE_SECONDS` says otherwise; the issue asks for 30.
const UNREACHABLE_SECONDS: u64 = 6;

fn plan() -> Plan {
    let slow = Temper {
        reply_delay: Duration::from_millis(3),
        ..Temper::default()
    };
    Plan::empty(7).with(provider("slow", DOMAINS, slow))
}

async fn load(world: &World) {
    let streams = ["transactional", "marketing"].into_iter().cycle();
    let letters = people(LETTERS, "slow", DOMAINS).zip(streams);
    world
        .enqueue(letters.map(|(to, stream)| letter_of(stream, &to)))
        .await;
}

/// A server of the test's own, as durable as an operator's.
struct Server {
    options: ClusterOptions,
    cluster: Option<Cluster>,
    _folder: tempfile::TempDir,
}

impl Server {
    async fn start() -> Self {
        // Its account must be able to reach the folder.
        let folder = tempfile::Builder::new()
            .prefix("pr")
            .tempdir_in("/tmp")
            .unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), mode).unwrap();
        let options = ClusterOptions::durable(folder.path().join("pg"));
        let cluster = Some(Cluster::start(&options).await.unwrap());
        Self {
            options,
            cluster,
            _folder: folder,
        }
    }

    fn url(&self) -> String {
        self.cluster.as_ref().unwrap().url()
    }

    async fn restart(&mut self) {
        self.cluster.take().unwrap().stop().await.unwrap();
        self.cluster = Some(Cluster::start(&self.options).await.unwrap());
    }

    /// `kill -9` of the server's first process: what was not on the disk is gone.
    async fn kill(&mut self) {
        let pid = postmaster(self.cluster.as_ref().unwrap().folder());
        kill(pid, Signal::SIGKILL).unwrap();
        self.restart().await;
    }
}

fn postmaster(folder: &Path) -> Pid {
    let text = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().trim().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_restarted_and_killed_under_load_costs_no_letter() {
    let mut server = Server::start().await;
    let world = World::on(support::database_on(&server.url()).await, plan()).await;
    load(&world).await;
    let engine = world.engine(&mortal()).await;
    for (share, killed) in [(10, false), (35, true), (60, true), (80, false)] {
        world.accepted(LETTERS as u64 * share / 100).await;
        if killed {
            server.kill().await;
        } else {
            server.restart().await;
        }
    }
    world.settled().await;
    engine.stop().await;
    let account = account(&world, "database restarted twice, killed twice").await;
    // The engine lived and knows what it sent: nothing is in doubt, nothing comes twice.
    assert_eq!((account.in_doubt, account.twice), (0, 0));
    world.end().await;
    server.cluster.take().unwrap().stop().await.unwrap();
}

/// A line to the database that can be cut without a word.
struct Line {
    cut: watch::Sender<bool>,
    folder: tempfile::TempDir,
    tasks: JoinSet<()>,
}

impl Line {
    /// A socket that leads to the real one.
    fn to(real: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let (cut, is_cut) = watch::channel(false);
        let real = Arc::new(real.join(".s.PGSQL.5432"));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut lines = JoinSet::new();
            while let Ok((here, _)) = listener.accept().await {
                lines.spawn(carry(here, Arc::clone(&real), is_cut.clone()));
            }
        });
        Self { cut, folder, tasks }
    }
}

/// Carries octets until the line is cut; then holds both ends open and carries nothing, and in the end breaks them.
async fn carry(
    mut here: UnixStream,
    real: Arc<std::path::PathBuf>,
    mut is_cut: watch::Receiver<bool>,
) {
    is_cut.wait_for(|is_cut| !is_cut).await.unwrap();
    let mut there = UnixStream::connect(real.as_path()).await.unwrap();
    tokio::select! {
        _ = copy_bidirectional(&mut here, &mut there) => return,
        _ = is_cut.wait_for(|is_cut| *is_cut) => {}
    }
    // Whoever waits for an answer now gets none, as behind a router that forgot the line.
    let _ = is_cut.wait_for(|is_cut| !is_cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_out_of_reach_under_load_costs_no_letter_and_leaves_none_in_doubt() {
    let said = env::var("POSTRIDER_UNREACHABLE_SECONDS").ok();
    let seconds = said.map_or(UNREACHABLE_SECONDS, |said| said.parse().unwrap());
    let mut server = Server::start().await;
    let world = World::on(support::database_on(&server.url()).await, plan()).await;
    load(&world).await;
    let line = Line::to(&server.options.folder.join("run"));
    let mut lines = world.lines.clone();
    let options: PgConnectOptions = lines.url.parse().unwrap();
    let behind = options.socket(line.folder.path());
    lines.url = behind.to_url_lossy().to_string();
    // The leases, of two seconds, end long before the database comes back, and neither engine may take the other for dead.
    let mut engines = Vec::new();
    for _ in 0..2 {
        let store = lines.store().await;
        let desk = crate::desk::desk(&mortal());
        engines.push(crate::world::Running::start(&lines, store, desk));
    }
    world.accepted(LETTERS as u64 / 4).await;
    line.cut.send(true).unwrap();
    sleep(Duration::from_secs(seconds)).await;
    line.cut.send(false).unwrap();
    world.settled().await;
    for engine in engines {
        engine.stop().await;
    }
    let account = account(&world, &format!("database out of reach for {seconds} s")).await;
    assert_eq!((account.in_doubt, account.twice), (0, 0));
    world.end().await;
    let mut line = line;
    line.tasks.shutdown().await;
    server.cluster.take().unwrap().stop().await.unwrap();
}
