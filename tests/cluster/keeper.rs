//! A server that dies under its program.

use std::{process::Command, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid},
};
use sqlx::{Connection, Error, PgConnection};
use tokio::time::{Instant, sleep};

use crate::place::{act, ask, place, postmaster, start, wait_until_all_are_gone};

/// A crashed server replays its log first, on machines with neighbours.
const BACK_LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_server_that_is_killed_comes_back_at_the_same_address_and_has_everything() {
    let place = place();
    let cluster = start(&place.folder()).await.unwrap();
    let url = cluster.url();
    let server = cluster.kept().unwrap();
    for killed in 1..=2 {
        let table = format!("create table kept{killed} as select 'safe'::text as word");
        act(&url, &table).await;
        let before = postmaster(&place.folder());
        kill(before, Signal::SIGKILL).unwrap();
        wait_until_back(before, &url).await;
        let word = format!("select word from kept{killed}");
        assert_eq!(ask(&url, &word).await, "safe");
    }
    server.stop().await.unwrap();
    wait_until_all_are_gone(&place.folder());
}

#[tokio::test]
async fn a_server_waits_with_its_return_for_the_last_process_of_its_former_self() {
    let place = place();
    let cluster = start(&place.folder()).await.unwrap();
    let url = cluster.url();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let backend: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let server = cluster.kept().unwrap();
    let before = postmaster(&place.folder());
    // Stopped, it cannot notice that its server has died, and could write into the data of the next.
    kill(Pid::from_raw(backend), Signal::SIGSTOP).unwrap();
    kill(before, Signal::SIGKILL).unwrap();
    sleep(Duration::from_secs(3)).await;
    let early = PgConnection::connect(&url).await;
    kill(Pid::from_raw(backend), Signal::SIGKILL).unwrap();
    assert!(matches!(early, Err(Error::Io(_))), "{early:?}");
    wait_until_back(before, &url).await;
    server.stop().await.unwrap();
    wait_until_all_are_gone(&place.folder());
}

/// As in most containers: without `CAP_SYS_PTRACE` root may not ask where the server's processes work.
#[test]
fn root_without_the_right_to_trace_starts_keeps_and_stops_it_too() {
    if !Uid::effective().is_root() {
        return;
    }
    let run = Command::new("setpriv")
        .args(["--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", KILLED_COMES_BACK, SUPERVISOR_KILLED])
        .output();
    let Ok(run) = run else {
        println!("SKIPPED: there is no setpriv here");
        return;
    };
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("2 passed"), "{said}");
}

const KILLED_COMES_BACK: &str =
    "keeper::a_server_that_is_killed_comes_back_at_the_same_address_and_has_everything";
const SUPERVISOR_KILLED: &str = "start::a_cluster_whose_supervisor_was_killed_still_stops";

#[tokio::test]
async fn a_server_that_is_dropped_is_gone() {
    let place = place();
    let server = start(&place.folder()).await.unwrap().kept().unwrap();
    let pid = postmaster(&place.folder());
    drop(server);
    assert!(kill(pid, None).is_err());
}

async fn wait_until_back(before: Pid, url: &str) {
    let end = Instant::now() + BACK_LIMIT;
    while kill(before, None).is_ok() || PgConnection::connect(url).await.is_err() {
        assert!(Instant::now() < end, "it stays away");
        sleep(Duration::from_millis(50)).await;
    }
}
