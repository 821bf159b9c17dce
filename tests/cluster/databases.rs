//! The databases that tests get.

use std::process::Command;

use crate::{
    place::{ask, place, start},
    support,
};

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
        .args(["--exact", "databases::every_test_has_a_database_to_itself"])
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
