//! A cluster that starts, works, and starts again after what may have happened to it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, pin::pin, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getpgid, getpgrp},
};
use postrider::cluster::{Attached, Cluster, ClusterOptions};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::place::{act, ask, place, postmaster, start, wait_until_all_are_gone};

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
async fn an_interrupted_first_start_is_begun_again() {
    let place = place();
    start(&place.folder()).await.unwrap().stop().await.unwrap();
    fs::rename(place.folder().join("data"), place.folder().join("data.new")).unwrap();
    fs::remove_file(place.folder().join("data.new/global/pg_control")).unwrap();
    let cluster = start(&place.folder()).await.unwrap();
    assert_eq!(ask(&cluster.url(), "select 'whole'").await, "whole");
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
async fn the_start_after_a_crash_waits_for_the_last_process_of_the_crashed_server() {
    let place = place();
    let cluster = start(&place.folder()).await.unwrap();
    let mut connection = PgConnection::connect(&cluster.url()).await.unwrap();
    let backend: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    // Stopped, it cannot notice that its server has died.
    kill(Pid::from_raw(backend), Signal::SIGSTOP).unwrap();
    kill(postmaster(&place.folder()), Signal::SIGKILL).unwrap();
    cluster.stop().await.unwrap();
    let folder = place.folder();
    let mut next = pin!(start(&folder));
    let early = timeout(Duration::from_millis(500), &mut next).await;
    kill(Pid::from_raw(backend), Signal::SIGKILL).unwrap();
    assert!(early.is_err(), "started or refused: {early:?}");
    let cluster = next.await.unwrap();
    assert_eq!(ask(&cluster.url(), "select 'back'").await, "back");
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
