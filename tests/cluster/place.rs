//! A folder for a cluster, and who lives in it.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use nix::unistd::Pid;
use postrider::cluster::{Cluster, ClusterError, ClusterOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A server that has not gone after this time stays for ever.
const GONE_LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Place(pub(crate) tempfile::TempDir);

/// A folder that any account can enter, with one for a cluster in it.
pub(crate) fn place() -> Place {
    let root = tempfile::tempdir_in("/tmp").unwrap();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    Place(root)
}

impl Place {
    pub(crate) fn folder(&self) -> PathBuf {
        self.0.path().join("postgres")
    }
}

pub(crate) async fn start(folder: &Path) -> Result<Cluster, ClusterError> {
    Cluster::start(&ClusterOptions::durable(folder)).await
}

pub(crate) async fn ask(url: &str, question: &str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let answer = sqlx::query_scalar(AssertSqlSafe(question.to_owned()))
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    answer
}

pub(crate) async fn act(url: &str, statement: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// Processes whose command line or working folder names that folder.
pub(crate) fn processes_of(folder: &Path) -> Vec<i32> {
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
pub(crate) fn wait_until_all_are_gone(folder: &Path) {
    let lock = File::open(folder.join("lock")).unwrap();
    let (told, heard) = mpsc::channel();
    thread::spawn(move || told.send(lock.lock()));
    heard
        .recv_timeout(GONE_LIMIT)
        .expect("the server outlived its program")
        .unwrap();
    assert_eq!(processes_of(folder), Vec::<i32>::new());
}

pub(crate) fn postmaster(folder: &Path) -> Pid {
    let text = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().parse().unwrap())
}
