//! The Django example, run as its README says, by a database user who may enqueue and nothing else.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what went wrong by stopping"
)]

mod support;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use postrider::store::{PgStore, Registry, Stream};
use serde_json::Value;
use sqlx::AssertSqlSafe;

/// The example with its own Python environment, kept under `target/` between runs.
struct Shop {
    python: PathBuf,
    database_url: String,
}

impl Shop {
    /// `None` where there is no Python at all, which is said aloud and is a fault in CI.
    #[expect(clippy::print_stderr, reason = "whoever runs the tests must see it")]
    fn open(database_url: String) -> Option<Self> {
        if Command::new("python3").arg("--version").output().is_err() {
            assert!(env::var_os("CI").is_none(), "CI needs python3");
            say("NOT TESTED: the Django example needs python3");
            return None;
        }
        let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("django-venv");
        let python = venv.join("bin").join("python");
        if !python.exists() {
            done(Command::new("python3").args(["-m", "venv"]).arg(&venv));
        }
        let requirements = example().join("requirements.txt");
        done(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "-r"])
                .arg(requirements),
        );
        Some(Self {
            python,
            database_url,
        })
    }

    fn manage(&self, arguments: &[&str]) -> Output {
        Command::new(&self.python)
            .arg("manage.py")
            .args(arguments)
            .current_dir(example())
            .env("DATABASE_URL", &self.database_url)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .unwrap()
    }
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/django")
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A database user of the shop, who owns its own tables and is a member of `postrider_enqueue`.
async fn shopkeeper(database: &support::TestDatabase) -> String {
    let name = format!("shop_{}", std::process::id());
    let statements = format!(
        "create role {name} login password 'only-for-the-test' in role postrider_enqueue;
        grant create on schema public to {name}"
    );
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(database.pool())
        .await
        .unwrap();
    name
}

async fn count(database: &support::TestDatabase, query: &'static str) -> i64 {
    sqlx::query_scalar(query)
        .fetch_one(database.pool())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_and_its_letter_exist_together_or_not_at_all() {
    let database = support::database().await;
    let store = PgStore::connect(database.url().parse().unwrap(), 2)
        .await
        .unwrap();
    let registry = Registry {
        streams: vec![Stream {
            name: "transactional".to_owned(),
            transactional: true,
            priority: 1,
        }],
        templates: Vec::new(),
        senders: vec!["example.com".to_owned()],
    };
    store.sync_registry(&registry).await.unwrap();
    let user = shopkeeper(&database).await;
    let Some(shop) = Shop::open(database.url_of(&user, "only-for-the-test")) else {
        return;
    };
    let migrated = shop.manage(&["migrate", "--verbosity", "0"]);
    assert!(migrated.status.success(), "{migrated:?}");

    let placed = shop.manage(&["place_order", "anna@mail.ru", "Steel pipes, 40 t"]);
    assert!(placed.status.success(), "{placed:?}");
    let answer: Value = serde_json::from_slice(&placed.stdout).unwrap();
    assert_eq!(answer["letter"]["status"], "accepted", "{answer}");
    let letters = "select count(*) from postrider.letter where to_address = 'anna@mail.ru'";
    let orders = "select count(*) from marketplace_order";
    assert_eq!(count(&database, letters).await, 1);
    assert_eq!(count(&database, orders).await, 1);

    let failed = shop.manage(&["place_order", "anna@mail.ru", "Steel pipes, 40 t", "--fail"]);
    assert!(!failed.status.success());
    let words = String::from_utf8_lossy(&failed.stderr);
    assert!(words.contains("neither order nor letter"), "{words}");
    assert_eq!(count(&database, letters).await, 1);
    assert_eq!(count(&database, orders).await, 1);

    store.close().await;
    let user = format!("drop owned by {user} cascade; drop role {user}");
    sqlx::raw_sql(AssertSqlSafe(user))
        .execute(database.pool())
        .await
        .unwrap();
}

#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn say(words: &str) {
    eprintln!("{words}");
}
