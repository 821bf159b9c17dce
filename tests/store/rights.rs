//! The marketplace's role may enqueue and read the feed, and nothing else.

use postrider::store::Cursor;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::{self, plain};

async fn as_marketplace(pool: &sqlx::PgPool) -> PgConnection {
    let mut connection = PgConnection::connect_with(&pool.connect_options())
        .await
        .unwrap();
    sqlx::query("set role postrider_enqueue")
        .execute(&mut connection)
        .await
        .unwrap();
    connection
}

async fn is_refused(connection: &mut PgConnection, sql: &str) -> bool {
    let outcome = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await;
    // 42501 is insufficient_privilege.
    matches!(outcome, Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501"))
}

#[tokio::test]
async fn the_marketplace_enqueues_and_reads_events() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let mut marketplace = as_marketplace(&pool).await;
    let letters: Vec<serde_json::Value> =
        vec![serde_json::from_str(&plain("anna@mail.ru")).unwrap()];
    let answer: serde_json::Value = sqlx::query_scalar("select postrider.enqueue($1::jsonb)")
        .bind(&letters[0])
        .fetch_one(&mut marketplace)
        .await
        .unwrap();
    assert_eq!(answer["status"], "accepted");
    let answers: Vec<serde_json::Value> =
        sqlx::query_scalar("select postrider.enqueue($1::jsonb[])")
            .bind(&letters)
            .fetch_all(&mut marketplace)
            .await
            .unwrap();
    assert_eq!(answers[0]["status"], "accepted");
    support::feed(&store, Cursor::default(), 2).await;
    let kinds: Vec<String> = sqlx::query_scalar("select kind from postrider.feed('', 10)")
        .fetch_all(&mut marketplace)
        .await
        .unwrap();
    assert_eq!(kinds, ["queued", "queued"]);
}

#[tokio::test]
async fn the_marketplace_can_do_nothing_else() {
    let pool = support::database().await;
    let mut marketplace = as_marketplace(&pool).await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select 'postrider.' || quote_ident(c.relname) from pg_class c
        where c.relnamespace = 'postrider'::regnamespace and c.relkind in ('r', 'p')",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(tables.len() >= 10, "{tables:?}");
    for table in tables {
        for sql in [
            format!("select count(*) from {table}"),
            format!("delete from {table}"),
            format!("truncate {table}"),
            format!("insert into {table} default values"),
        ] {
            assert!(is_refused(&mut marketplace, &sql).await, "{sql}");
        }
    }
    for sql in [
        "create table postrider.mine (a int)",
        "select nextval('postrider.event_seq')",
        "select postrider.drop_event_days(now())",
        "select postrider.make_event_days(now(), 1)",
        "select postrider.enqueue_texts('{}', now(), 1)",
        "select postrider.enqueue_at('{}', now(), 1)",
        "select postrider.write_letters('{}', now())",
    ] {
        assert!(is_refused(&mut marketplace, sql).await, "{sql}");
    }
}

#[tokio::test]
async fn the_marketplace_may_call_four_functions() {
    let pool = support::database().await;
    let callable: Vec<String> = sqlx::query_scalar(
        "select format('postrider.%s(%s)', p.proname, replace(oidvectortypes(p.proargtypes), ', ', ',')) from pg_proc p
        where p.pronamespace = 'postrider'::regnamespace
            and has_function_privilege('postrider_enqueue', p.oid, 'execute') order by 1",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(
        callable,
        [
            "postrider.enqueue(jsonb)",
            "postrider.enqueue(jsonb[])",
            "postrider.enqueue(text)",
            "postrider.feed(text,integer)"
        ]
    );
}
