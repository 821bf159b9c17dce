//! A real PostgreSQL for tests: one private server per test program, one database per test.
//!
//! Owns the shared server and the migrated template that databases are copied from. Promises: the server starts when
//! the first test asks and is gone soon after the test program, however that ends; every test has its database to
//! itself. With `DATABASE_URL` set, that server is used instead.
//!
//! A pool belongs to the runtime of its test, so only the server is shared. See `cluster` for how it follows us.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what went wrong by stopping"
)]
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::{
    env,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use postrider::cluster::{Cluster, ClusterOptions};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::OnceCell;

/// Tests of one program run side by side on one server: each gets a modest share of its connections.
const CONNECTIONS_MAX: u32 = 10;

/// Guards the making of a template against other test programs on the same server; any number of our own will do.
const TEMPLATE_LOCK: i64 = 0x706f_7374_7269_6465;

/// Where the program keeps which migrations are made.
const MADE: &str = "postrider.migration";

/// A migrated database that no other test sees.
pub(crate) struct TestDatabase {
    pool: PgPool,
    options: PgConnectOptions,
    name: String,
}

/// Makes one: `let database = support::database().await;`
pub(crate) async fn database() -> TestDatabase {
    make(&server().await.template).await
}

async fn make(template: &str) -> TestDatabase {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = server().await;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("postrider_test_{}_{number}", std::process::id());
    server
        .act(&format!(
            "create database {name} template {template} strategy file_copy"
        ))
        .await;
    let options = server.options.clone().database(&name);
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .connect_with(options.clone())
        .await
        .unwrap();
    TestDatabase {
        pool,
        options,
        name,
    }
}

/// Like [`database`], without the schema.
pub(crate) async fn empty_database() -> TestDatabase {
    make("template0").await
}

/// A database with the schema on a server of the test's own, which takes it along when it goes.
pub(crate) async fn database_on(url: &str) -> TestDatabase {
    let options: PgConnectOptions = url.parse().unwrap();
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    migrations().await.run(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    TestDatabase {
        pool: PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .connect_with(options.clone())
            .await
            .unwrap(),
        options,
        name: String::new(),
    }
}

impl TestDatabase {
    /// Connections to it.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Its address, for a program that connects by itself.
    pub(crate) fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }

    /// Its address for another user.
    pub(crate) fn url_of(&self, user: &str, password: &str) -> String {
        let options = self.options.clone().username(user).password(password);
        options.to_url_lossy().to_string()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.name.is_empty() {
            return;
        }
        let options = self.options.clone().database("postgres");
        let statement = format!("drop database if exists {} with (force)", self.name);
        // The test's own runtime may be ending, and it cannot be waited for from here.
        let dropped = thread::spawn(move || run_alone(&options, &statement)).join();
        // A test that fails already says more than a database that stays.
        assert!(
            dropped.is_ok() || thread::panicking(),
            "dropping {}",
            self.name
        );
    }
}

fn run_alone(options: &PgConnectOptions, statement: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(act(options, statement));
}

/// The server of this test program.
struct Server {
    /// `None` when somebody else runs it.
    cluster: Option<Cluster>,
    options: PgConnectOptions,
    template: String,
}

async fn server() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    SERVER.get_or_init(Server::start).await
}

impl Server {
    async fn start() -> Self {
        let cluster = match env::var_os("DATABASE_URL") {
            Some(_) => None,
            None => Some(start_private().await),
        };
        let url = cluster
            .as_ref()
            .map_or_else(|| env::var("DATABASE_URL").unwrap(), Cluster::url);
        let options: PgConnectOptions = url.parse().unwrap();
        let template = make_template(&options, &migrations().await).await;
        Self {
            cluster,
            options,
            template,
        }
    }

    async fn act(&self, statement: &str) {
        act(&self.options, statement).await;
    }
}

async fn start_private() -> Cluster {
    let options = ClusterOptions::in_memory().unwrap();
    Cluster::start(&options).await.unwrap()
}

/// The migrations of this project, read at run time so that a new one needs no rebuild of the tests.
async fn migrations() -> Migrator {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    if !folder.is_dir() {
        return Migrator::DEFAULT;
    }
    let mut migrations = Migrator::new(folder).await.unwrap();
    // As the program keeps them, so that it finds them made.
    migrations.dangerous_set_table_name(MADE);
    migrations.create_schema("postrider");
    migrations
}

/// A migrated database to copy, named by its migrations, so that a shared server keeps one of each.
async fn make_template(options: &PgConnectOptions, migrations: &Migrator) -> String {
    let name = format!("postrider_template_{:016x}", fingerprint(migrations));
    let mut connection = PgConnection::connect_with(options).await.unwrap();
    let lock = format!("select pg_advisory_lock({TEMPLATE_LOCK})");
    sqlx::raw_sql(AssertSqlSafe(lock))
        .execute(&mut connection)
        .await
        .unwrap();
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(&name)
            .fetch_one(&mut connection)
            .await
            .unwrap();
    if !exists {
        migrate_beside(options, migrations, &name).await;
    }
    connection.close().await.unwrap();
    name
}

// Renamed when it is whole: a test program killed in the middle leaves no half template behind.
async fn migrate_beside(options: &PgConnectOptions, migrations: &Migrator, name: &str) {
    act(
        options,
        &format!("drop database if exists {name}_new with (force)"),
    )
    .await;
    act(
        options,
        &format!("create database {name}_new template template0"),
    )
    .await;
    let beside = options.clone().database(&format!("{name}_new"));
    let mut connection = PgConnection::connect_with(&beside).await.unwrap();
    migrations.run(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    act(
        options,
        &format!("alter database {name}_new rename to {name}"),
    )
    .await;
}

fn fingerprint(migrations: &Migrator) -> u64 {
    let mut hasher = DefaultHasher::new();
    MADE.hash(&mut hasher);
    for migration in migrations.iter() {
        (migration.version, &migration.checksum).hash(&mut hasher);
    }
    hasher.finish()
}

async fn act(options: &PgConnectOptions, statement: &str) {
    let mut connection = PgConnection::connect_with(options).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}
