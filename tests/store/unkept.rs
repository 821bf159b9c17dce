//! JSON that PostgreSQL cannot keep is an answer that names its field, by every door.

use std::fmt::Write as _;

use postrider::store::Answer;
use serde_json::Value;

use crate::support::{self, count, enqueue, plain};

/// A whole letter with one more field, written out: these texts never were a `serde_json::Value`.
fn with(field: &str) -> String {
    let whole = plain("anna@mail.ru");
    format!("{},{field}}}", whole.strip_suffix('}').unwrap())
}

const UNKEPT: [&str; 11] = [
    r#""campaign":"a\u0000b""#,
    r#""reply_to":{"address":"a@mail.ru","name":"\u0000"}"#,
    r#""tags":["a","b\u0000"]"#,
    r#""attachments":[{"name":"a","type":"text/plain","content":"\ud800"}]"#,
    r#""send_at":"\udc00\ud800""#,
    r#""priority":1e999999"#,
    r#""tags":[1,[2,{"c":1e-999999}]]"#,
    r#""tags":{"\u0000":1}"#,
    r#""\ud800":1"#,
    r#""subject":"kept: \ud83d\udce8 \\u0000","tags":["\u0000"]"#,
    r#""campaign":["#,
];

#[tokio::test]
async fn what_cannot_be_kept_is_named_by_its_field() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let letters: Vec<String> = UNKEPT.iter().map(|field| with(field)).collect();
    let mut table = String::new();
    for (given, answer) in UNKEPT.iter().zip(enqueue(&store, &letters).await) {
        let Answer::Invalid { field, why } = answer else {
            panic!("{given} was taken: {answer:?}");
        };
        writeln!(table, "{given}\n    {field}: {why}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn what_cannot_be_kept_spoils_no_other_letter() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let letters = [
        plain("anna@mail.ru"),
        with(UNKEPT[0]),
        plain("olga@mail.ru"),
    ];
    let answers = enqueue(&store, &letters).await;
    assert!(
        matches!(
            &answers[..],
            [
                Answer::Accepted(_),
                Answer::Invalid { .. },
                Answer::Accepted(_)
            ]
        ),
        "{answers:?}"
    );
}

/// The backend's own transaction goes on after such a letter, where a cast to jsonb would have ended it.
#[tokio::test]
async fn a_text_that_cannot_be_kept_does_not_take_the_callers_transaction_with_it() {
    let pool = support::database().await;
    let _store = support::store(&pool).await;
    let mut transaction = pool.begin().await.unwrap();
    sqlx::query("create table public.orders as select 1 as id")
        .execute(&mut *transaction)
        .await
        .unwrap();
    sqlx::query("set local role postrider_enqueue")
        .execute(&mut *transaction)
        .await
        .unwrap();
    let mut answers = Vec::new();
    for letter in [with(UNKEPT[1]), plain("anna@mail.ru")] {
        let answer: Value = sqlx::query_scalar("select postrider.enqueue($1::text)")
            .bind(letter)
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
        answers.push(answer);
    }
    transaction.commit().await.unwrap();
    assert_eq!(answers[0]["field"], "reply_to.name");
    assert_eq!(answers[1]["status"], "accepted");
    assert_eq!(count(&pool, "select count(*) from public.orders").await, 1);
    assert_eq!(
        count(&pool, "select count(*) from postrider.letter").await,
        1
    );
}

/// Deep and wide texts cost a few looks, not one for each part.
#[tokio::test]
async fn a_hostile_text_is_answered_in_no_time() {
    let pool = support::database().await;
    let store = support::store(&pool).await;
    let deep = format!("{}\"\\u0000\"{}", "[".repeat(5_000), "]".repeat(5_000));
    let wide = format!("[{}\"\\u0000\"]", "1,".repeat(400_000));
    let letters = [deep, wide].map(|tags| with(&format!("\"tags\":{tags}")));
    let begun = tokio::time::Instant::now();
    let answers = enqueue(&store, &letters).await;
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    let fields = answers.iter().map(|answer| match answer {
        Answer::Invalid { field, .. } => field.as_str(),
        other => panic!("{other:?}"),
    });
    let deepest = format!("tags{}", "[0]".repeat(7));
    assert_eq!(
        fields.collect::<Vec<_>>(),
        [deepest.as_str(), "tags[400000]"]
    );
}
