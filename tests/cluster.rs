//! A private PostgreSQL, from its first start to every way in which its program can end.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what went wrong by stopping"
)]

mod support;

use std::{
    fs,
    fs::File,
    io::{BufRead, BufReader},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid, User, getpgid, getpgrp},
};
use postrider::cluster::{Attached, Cluster, ClusterError, ClusterOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A server that has not gone after this time stays for ever.
const GONE_LIMIT: Duration = Duration::from_secs(30);

struct Place(tempfile::TempDir);

/// A folder that any account can enter, with one for a cluster in it.
fn place() -> Place {
    let root = tempfile::tempdir_in("/tmp").unwrap();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    Place(root)
}

impl Place {
    fn folder(&self) -> PathBuf {
        self.0.path().join("postgres")
    }
}

async fn start(folder: &Path) -> Result<Cluster, ClusterError> {
    Cluster::start(&ClusterOptions::durable(folder)).await
}

async fn ask(url: &str, question: &str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let answer = sqlx::query_scalar(AssertSqlSafe(question.to_owned()))
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    answer
}

async fn act(url: &str, statement: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// Processes whose command line or working folder names that folder.
fn processes_of(folder: &Path) -> Vec<i32> {
    let name = folder.display().to_string();
    let numbers = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.unwrap().file_name();
        entry.to_str()?.parse().ok()
    });
    numbers
        .filter(|pid: &i32| *pid != i32::try_from(std::process::id()).unwrap())
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let works_in = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&name) || works_in.starts_with(folder)
        })
        .collect()
}

/// Waits for the kernel to free the lock, which every process of the folder holds, and then looks for survivors.
fn wait_until_all_are_gone(folder: &Path) {
    let lock = File::open(folder.join("lock")).unwrap();
    let (told, heard) = mpsc::channel();
    thread::spawn(move || told.send(lock.lock()));
    heard
        .recv_timeout(GONE_LIMIT)
        .expect("the server outlived its program")
        .unwrap();
    assert_eq!(processes_of(folder), Vec::<i32>::new());
}

fn postmaster(folder: &Path) -> Pid {
    let text = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_new_cluster_is_durable_speaks_utf8_and_is_reached_through_its_socket_alone() {
    let place = place();
    let cluster = start(&place.folder()).await.unwrap();
    for (setting, value) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", ""),
        ("data_checksums", "on"),
        ("unix_socket_permissions", "0700"),
    ] {
        let found = ask(&cluster.url(), &format!("show {setting}")).await;
        assert_eq!(found, value, "{setting}");
    }
    let mode = fs::metadata(place.folder()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    // The terminal's Ctrl-C goes to our group; the engine drains while the server still works.
    assert_ne!(
        getpgid(Some(postmaster(&place.folder()))).unwrap(),
        getpgrp()
    );
    cluster.stop().await.unwrap();
    wait_until_all_are_gone(&place.folder());
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let place = place();
    let first = start(&place.folder()).await.unwrap();
    act(
        &first.url(),
        "create table kept as select 'письмо'::text as word",
    )
    .await;
    first.stop().await.unwrap();
    let second = start(&place.folder()).await.unwrap();
    assert_eq!(ask(&second.url(), "select word from kept").await, "письмо");
}

#[tokio::test]
async fn a_second_program_on_the_same_folder_is_told_who_has_it() {
    let place = place();
    let _first = start(&place.folder()).await.unwrap();
    let error = start(&place.folder()).await.unwrap_err().to_string();
    let expected = format!(
        "{} is in use by process {}; stop it, or choose another data folder",
        place.folder().display(),
        std::process::id()
    );
    assert_eq!(error, expected);
}

#[tokio::test]
async fn clusters_in_different_folders_run_side_by_side() {
    let (one, other) = (place(), place());
    let (one_folder, other_folder) = (one.folder(), other.folder());
    let (one, other) = tokio::join!(start(&one_folder), start(&other_folder));
    let (one, other) = (one.unwrap(), other.unwrap());
    act(&one.url(), "create table mine ()").await;
    assert_eq!(
        ask(
            &other.url(),
            "select coalesce(to_regclass('mine')::text, 'none')"
        )
        .await,
        "none"
    );
}

#[tokio::test]
async fn a_deep_folder_with_spaces_and_letters_of_any_script_works() {
    let place = place();
    let folder = place
        .folder()
        .join("моя почта, архив")
        .join("x".repeat(120))
        .join("postgres");
    let cluster = start(&folder).await.unwrap();
    assert_eq!(ask(&cluster.url(), "select 'reached'").await, "reached");
    let socket = ask(&cluster.url(), "show unix_socket_directories").await;
    cluster.stop().await.unwrap();
    assert!(!Path::new(&socket).exists(), "{socket} was left behind");
}

#[tokio::test]
async fn a_throw_away_cluster_leaves_nothing() {
    let cluster = Cluster::start(&ClusterOptions::throw_away().unwrap())
        .await
        .unwrap();
    assert_eq!(ask(&cluster.url(), "show fsync").await, "off");
    let folder = cluster.folder().to_owned();
    cluster.stop().await.unwrap();
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_setting_of_the_caller_replaces_ours() {
    let place = place();
    let mut options = ClusterOptions::durable(place.folder());
    options.settings = vec![("shared_buffers".to_owned(), "16MB".to_owned())];
    let cluster = Cluster::start(&options).await.unwrap();
    assert_eq!(ask(&cluster.url(), "show shared_buffers").await, "16MB");
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let place = place();
    let mut options = ClusterOptions::durable(place.folder());
    options.settings = vec![("shared_buffers".to_owned(), "much".to_owned())];
    let error = Cluster::start(&options).await.unwrap_err().to_string();
    assert!(
        error.contains("invalid value for parameter \"shared_buffers\": \"much\""),
        "{error}"
    );
    wait_until_all_are_gone(&place.folder());
}

#[tokio::test]
async fn data_of_another_major_version_is_named_and_left_alone() {
    let place = place();
    start(&place.folder()).await.unwrap().stop().await.unwrap();
    fs::write(place.folder().join("data/PG_VERSION"), "14\n").unwrap();
    let error = start(&place.folder()).await.unwrap_err().to_string();
    assert!(
        error.contains("was made by PostgreSQL 14, and only "),
        "{error}"
    );
    assert!(
        error.contains("install PostgreSQL 14, or move the data with pg_upgrade or pg_dump"),
        "{error}"
    );
}

#[tokio::test]
async fn a_machine_without_a_server_is_told_what_to_install() {
    let place = place();
    let mut options = ClusterOptions::durable(place.folder());
    options.binaries = Some(place.0.path().to_owned());
    let error = Cluster::start(&options).await.unwrap_err().to_string();
    insta::assert_snapshot!(error, @"no PostgreSQL 15 or newer is installed here; install it (Debian, Ubuntu: `apt install postgresql`; Fedora: `dnf install postgresql-server`; Arch: `pacman -S postgresql`; Alpine: `apk add postgresql`; macOS: `brew install postgresql@17`) or set DATABASE_URL to a server that runs already");
}

#[tokio::test]
async fn a_folder_full_of_other_things_is_refused_and_keeps_its_owner() {
    let place = place();
    fs::create_dir(place.folder()).unwrap();
    fs::write(place.folder().join("diary.txt"), "dear diary").unwrap();
    let error = start(&place.folder()).await.unwrap_err();
    assert!(matches!(error, ClusterError::Foreign { .. }), "{error}");
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(place.folder()).unwrap());
    assert_eq!(owner, Uid::effective().as_raw());
}

#[tokio::test]
async fn a_file_where_the_folder_should_be_is_an_error() {
    let place = place();
    fs::write(place.folder(), "").unwrap();
    let error = start(&place.folder()).await.unwrap_err();
    assert!(matches!(error, ClusterError::System { .. }), "{error}");
}

#[tokio::test]
async fn an_interrupted_first_start_is_begun_again() {
    let place = place();
    start(&place.folder()).await.unwrap().stop().await.unwrap();
    fs::rename(place.folder().join("data"), place.folder().join("data.new")).unwrap();
    fs::remove_file(place.folder().join("data.new/global/pg_control")).unwrap();
    let cluster = start(&place.folder()).await.unwrap();
    assert_eq!(ask(&cluster.url(), "select 'whole'").await, "whole");
}

#[tokio::test]
async fn root_is_told_when_the_servers_account_cannot_reach_the_folder() {
    if !Uid::effective().is_root() {
        return;
    }
    let place = place();
    let closed = place.0.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let error = start(&closed.join("postgres")).await.unwrap_err();
    let ClusterError::OutOfReach { blocked, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(blocked, &closed);
}

#[tokio::test]
async fn a_server_whose_mark_was_left_by_a_crash_starts_again_and_has_everything() {
    let place = place();
    let cluster = start(&place.folder()).await.unwrap();
    act(
        &cluster.url(),
        "create table kept as select 'safe'::text as word",
    )
    .await;
    let mark = fs::read(place.folder().join("data/postmaster.pid")).unwrap();
    kill(postmaster(&place.folder()), Signal::SIGKILL).unwrap();
    drop(cluster);
    wait_until_all_are_gone(&place.folder());
    // The number in the mark now belongs to a living process that is no server: this test.
    let ours = String::from_utf8(mark).unwrap();
    let (_, rest) = ours.split_once('\n').unwrap();
    let mark = format!("{}\n{rest}", std::process::id());
    fs::write(place.folder().join("data/postmaster.pid"), mark).unwrap();
    let cluster = start(&place.folder()).await.unwrap();
    assert_eq!(ask(&cluster.url(), "select word from kept").await, "safe");
}

#[tokio::test]
async fn a_cluster_whose_supervisor_was_killed_still_stops() {
    let place = place();
    let cluster = start(&place.folder()).await.unwrap();
    let server = postmaster(&place.folder());
    let status = fs::read_to_string(format!("/proc/{server}/status")).unwrap();
    let parent = status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))
        .unwrap();
    kill(
        Pid::from_raw(parent.trim().parse().unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    cluster.stop().await.unwrap();
    wait_until_all_are_gone(&place.folder());
}

/// Not a test by itself: the program that the tests below start and end in every way.
#[test]
#[ignore = "a part of the tests about how a program ends"]
#[expect(clippy::exit, reason = "one of the ways a program ends")]
fn child_program() {
    let Some(folder) = std::env::var_os("POSTRIDER_TEST_FOLDER") else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cluster = runtime.block_on(start(Path::new(&folder))).unwrap();
    runtime.block_on(act(
        &cluster.url(),
        "create table if not exists kept (word text)",
    ));
    println!("\nready");
    match std::env::var("POSTRIDER_TEST_END").unwrap().as_str() {
        "return" => {}
        "panic" => panic!("as asked"),
        "exit" => {
            std::mem::forget(cluster);
            std::process::exit(3);
        }
        _ => loop {
            thread::park();
        },
    }
}

fn child(folder: &Path, end: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child_program", "--ignored", "--nocapture"])
        .env("POSTRIDER_TEST_FOLDER", folder)
        .env("POSTRIDER_TEST_END", end)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .current_dir("/")
        // As a shell starts it: Ctrl-C reaches this group and none of ours.
        .process_group(0);
    command
}

fn run_until_ready(command: &mut Command) -> Child {
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.map_while(Result::ok).any(|line| line == "ready");
    assert!(ready, "the program ended before its server was ready");
    child
}

/// Starts a program with a cluster, ends it as named, and expects that no process of the folder is left.
fn check_end(end: &str, signal: Option<Signal>) {
    let place = place();
    let mut child = run_until_ready(&mut child(&place.folder(), end));
    if let Some(signal) = signal {
        assert_ne!(processes_of(&place.folder()), Vec::<i32>::new());
        // The whole group, as a terminal does it.
        kill(Pid::from_raw(-i32::try_from(child.id()).unwrap()), signal).unwrap();
    }
    child.wait().unwrap();
    wait_until_all_are_gone(&place.folder());
}

#[test]
fn no_server_is_left_when_its_program_returns() {
    check_end("return", None);
}

#[test]
fn no_server_is_left_when_its_program_panics() {
    check_end("panic", None);
}

#[test]
fn no_server_is_left_when_its_program_exits_without_a_word() {
    check_end("exit", None);
}

#[test]
fn no_server_is_left_after_ctrl_c() {
    check_end("wait", Some(Signal::SIGINT));
}

#[test]
fn no_server_is_left_when_the_terminal_is_closed() {
    check_end("wait", Some(Signal::SIGHUP));
}

#[test]
fn no_server_is_left_after_kill_9() {
    check_end("wait", Some(Signal::SIGKILL));
}

#[tokio::test]
async fn the_next_program_waits_for_the_server_of_a_killed_one() {
    let place = place();
    let mut child = run_until_ready(&mut child(&place.folder(), "wait"));
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    child.wait().unwrap();
    let cluster = start(&place.folder()).await.unwrap();
    assert_eq!(
        ask(&cluster.url(), "select count(*)::text from kept").await,
        "0"
    );
}

/// Kills a program as soon as its cluster has got so far, and expects that a second one can go on from there.
fn check_killed_at(mark: &str) {
    let place = place();
    let mut first = child(&place.folder(), "wait").spawn().unwrap();
    while !place.folder().join(mark).exists() {
        thread::yield_now();
    }
    first.kill().unwrap();
    first.wait().unwrap();
    wait_until_all_are_gone(&place.folder());
    run_until_ready(&mut child(&place.folder(), "return"))
        .wait()
        .unwrap();
    wait_until_all_are_gone(&place.folder());
}

#[test]
fn a_program_killed_while_it_makes_its_cluster_leaves_no_server_and_no_harm() {
    check_killed_at("data.new/PG_VERSION");
}

#[test]
fn a_program_killed_while_its_server_starts_leaves_no_server_and_no_harm() {
    check_killed_at("data/postmaster.pid");
}

#[test]
fn a_plain_user_runs_the_server_as_itself() {
    if !Uid::effective().is_root() {
        return;
    }
    let Some(nobody) = User::from_name("nobody").unwrap() else {
        return;
    };
    let place = place();
    chown(
        place.0.path(),
        Some(nobody.uid.as_raw()),
        Some(nobody.gid.as_raw()),
    )
    .unwrap();
    let mut command = child(&place.folder(), "wait");
    command.uid(nobody.uid.as_raw()).gid(nobody.gid.as_raw());
    let mut child = run_until_ready(&mut command);
    let status =
        fs::read_to_string(format!("/proc/{}/status", postmaster(&place.folder()))).unwrap();
    let owner = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .unwrap();
    assert_eq!(
        owner.split_whitespace().next().unwrap(),
        nobody.uid.to_string()
    );
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until_all_are_gone(&place.folder());
}

#[tokio::test]
async fn every_test_has_a_database_to_itself() {
    let (mine, yours) = tokio::join!(support::database(), support::database());
    sqlx::raw_sql("create table only_mine ()")
        .execute(mine.pool())
        .await
        .unwrap();
    let question = "select coalesce(to_regclass('only_mine')::text, 'none')";
    assert_eq!(ask(&mine.url(), question).await, "only_mine");
    assert_eq!(ask(&yours.url(), question).await, "none");
}

#[tokio::test]
async fn a_test_database_on_a_shared_server_is_dropped_after_its_test() {
    let place = place();
    let cluster = start(&place.folder()).await.unwrap();
    let own = std::env::current_exe().unwrap();
    let run = Command::new(own)
        .args(["--exact", "every_test_has_a_database_to_itself"])
        .env("DATABASE_URL", cluster.url())
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stdout)
    );
    let left = "select count(*)::text from pg_database where datname like 'postrider_test_%'";
    assert_eq!(ask(&cluster.url(), left).await, "0");
    let kept = "select count(*)::text from pg_database where datname like 'postrider_template_%'";
    assert_eq!(ask(&cluster.url(), kept).await, "1");
}

/// Not a test: prints what a database costs. `cargo test --test cluster -- --ignored --nocapture what_a`.
#[tokio::test]
#[ignore = "a measurement, not a test"]
async fn what_a_test_database_costs() {
    for number in 1..=5 {
        let started = tokio::time::Instant::now();
        let _database = support::database().await;
        println!("database {number}: {} ms", started.elapsed().as_millis());
    }
}

#[tokio::test]
async fn a_second_program_joins_the_server_of_the_first_and_leaves_it_running() {
    let place = place();
    let first = start(&place.folder()).await.unwrap();
    let options = ClusterOptions::durable(place.folder());
    let second = Cluster::start_or_attach(&options).await.unwrap();
    assert!(matches!(second, Attached::Visited(_)));
    assert_eq!(second.url(), first.url());
    assert_eq!(ask(&second.url(), "select 'joined'").await, "joined");
    drop(second);
    assert_eq!(ask(&first.url(), "select 'still here'").await, "still here");
    first.stop().await.unwrap();
    let third = Cluster::start_or_attach(&options).await.unwrap();
    let Attached::Started(third) = third else {
        panic!("nobody else runs it now");
    };
    third.stop().await.unwrap();
}
