//! Every way in which a program can end: no server outlives it.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::chown, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid, User},
};

use crate::place::{act, ask, place, postmaster, processes_of, start, wait_until_all_are_gone};

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
        .args([
            "--exact",
            "endings::child_program",
            "--ignored",
            "--nocapture",
        ])
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
