//! What keeps a cluster from starting, and what is said about it.

use std::{fs, os::unix::fs::PermissionsExt};

use nix::unistd::Uid;
use postrider::cluster::{Cluster, ClusterError, ClusterOptions};

use crate::place::{place, start, wait_until_all_are_gone};

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
