//! A house to call at: a database of its own, the router in memory, a clock that the test moves.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{Request, Response, StatusCode, header},
};
use postrider::{
    http::{Door, Limits, Preflight, router},
    mail::Timestamp,
    metrics::Metrics,
    port::Clock,
    store::{PgStore, Registry, Stream},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::support::{self, TestDatabase};

/// 2026-11-18T11:06:40Z.
const START: i64 = 1_795_000_000;

pub(crate) struct House {
    pub(crate) database: TestDatabase,
    pub(crate) store: PgStore,
    pub(crate) router: Router,
    pub(crate) stop: CancellationToken,
    pub(crate) key: String,
    pub(crate) engine_works: Arc<AtomicBool>,
    pub(crate) seconds: Arc<AtomicI64>,
}

struct TestClock(Arc<AtomicI64>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) async fn open() -> House {
    open_with(limits()).await
}

/// Small enough that a test can cross each of them.
pub(crate) fn limits() -> Limits {
    Limits {
        letter_octets: 2_000,
        body_octets: 20_000,
        batch: 50,
        requests: 8,
        silence: Duration::from_secs(20),
    }
}

pub(crate) async fn open_with(limits: Limits) -> House {
    open_looking(limits, None).await
}

/// With a look at letters before they are stored.
pub(crate) async fn open_looking(limits: Limits, preflight: Option<Preflight>) -> House {
    let database = support::database().await;
    let store = PgStore::connect(database.url().parse().unwrap(), 3)
        .await
        .unwrap();
    store.sync_registry(&registry()).await.unwrap();
    let seconds = Arc::new(AtomicI64::new(START));
    let clock = TestClock(seconds.clone());
    let key = store.new_key("shop", [7; 32], clock.now()).await.unwrap();
    let engine_works = Arc::new(AtomicBool::new(true));
    let works = engine_works.clone();
    let stop = CancellationToken::new();
    let door = Door {
        store: store.clone(),
        metrics: Arc::new(Metrics::new(&prometheus::Registry::new()).unwrap()),
        clock: Arc::new(clock),
        engine_works: Arc::new(move || works.load(Ordering::Relaxed)),
        stop: stop.clone(),
        limits,
        preflight,
    };
    House {
        database,
        store,
        router: router(door),
        stop,
        key,
        engine_works,
        seconds,
    }
}

fn registry() -> Registry {
    let stream = |name: &str, transactional| Stream {
        name: name.to_owned(),
        transactional,
        priority: 5,
    };
    Registry {
        streams: vec![stream("marketing", false), stream("transactional", true)],
        templates: vec!["digest".to_owned()],
        senders: vec!["example.com".to_owned()],
    }
}

impl House {
    pub(crate) async fn ask(&self, method: &str, address: &str, body: impl Into<Body>) -> Told {
        let request = self.request(method, address, "application/json", body);
        self.tell(request).await
    }

    pub(crate) async fn get(&self, address: &str) -> Told {
        self.ask("GET", address, Body::empty()).await
    }

    pub(crate) async fn post(&self, kind: &str, body: impl Into<Body>) -> Told {
        self.tell(self.request("POST", "/v1/letters", kind, body))
            .await
    }

    pub(crate) async fn stream(&self, body: impl Into<Body>) -> Told {
        self.post("application/x-ndjson", body).await
    }

    pub(crate) fn request(
        &self,
        method: &str,
        address: &str,
        kind: &str,
        body: impl Into<Body>,
    ) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(address)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, kind)
            .body(body.into())
            .unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn tell(&self, request: Request<Body>) -> Told {
        Told::read(self.send(request).await).await
    }

    /// Enqueues letters that must be accepted and returns their ids.
    pub(crate) async fn accepted(&self, letters: &[Value]) -> Vec<String> {
        let told = self
            .post("application/json", Value::from(letters).to_string())
            .await;
        let answers = told.json();
        let id = |answer: &Value| answer["id"].as_str().unwrap().to_owned();
        answers.as_array().unwrap().iter().map(id).collect()
    }

    /// Reads so many events of the feed: how often each letter had one, and the last cursor.
    ///
    /// It waits for them, because the tests beside this one have transactions open on the same server.
    pub(crate) async fn read_events(
        &self,
        mut cursor: String,
        limit: usize,
        count: u32,
    ) -> (BTreeMap<String, u32>, String) {
        let mut seen = BTreeMap::new();
        while seen.values().sum::<u32>() < count {
            let address = format!("/v1/events?after={cursor}&limit={limit}&wait=30");
            let page = self.get(&address).await.json();
            let events = page["events"].as_array().unwrap();
            assert!(
                (1..=limit).contains(&events.len()),
                "{} events",
                events.len()
            );
            for event in events {
                let letter = event["letter"].as_str().unwrap().to_owned();
                *seen.entry(letter).or_default() += 1;
            }
            page["cursor"].as_str().unwrap().clone_into(&mut cursor);
        }
        let beyond = self.get(&format!("/v1/events?after={cursor}")).await;
        assert_eq!(beyond.json()["events"], json!([]));
        (seen, cursor)
    }

    pub(crate) fn move_clock(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) async fn count_letters(&self) -> i64 {
        sqlx::query_scalar("select count(*) from postrider.letter")
            .fetch_one(self.database.pool())
            .await
            .unwrap()
    }
}

/// An answer read to its end.
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Told {
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            body: to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Status, the headers that a caller acts on, and the body.
    pub(crate) fn page(&self) -> String {
        let mut page = format!("{}\n", self.status);
        for name in ["content-type", "www-authenticate", "retry-after", "allow"] {
            if let Some(value) = self.headers.get(name) {
                writeln!(page, "{name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(json) => page + &serde_json::to_string_pretty(&json).unwrap(),
            Err(_) => page + self.text(),
        }
    }
}

/// A good letter to somebody.
pub(crate) fn letter(to: &str) -> Value {
    json!({
        "stream": "marketing", "to": to, "from": "news@example.com", "template": "digest",
        "variables": {"name": "Анна"},
    })
}

/// The same, changed by `fields`.
pub(crate) fn letter_with(to: &str, fields: Value) -> Value {
    let Value::Object(fields) = fields else {
        panic!("fields are an object")
    };
    let mut letter = letter(to);
    for (field, value) in fields {
        letter[field] = value;
    }
    letter
}

/// What differs from run to run.
fn filters() -> [(&'static str, &'static str); 2] {
    [
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[id]"),
        (r#""cursor": "\d+-\d+""#, r#""cursor": "[cursor]""#),
    ]
}

/// Compares a page with its reviewed form.
pub(crate) fn assert_page(name: &str, told: &Told) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    for (what, instead) in filters() {
        settings.add_filter(what, instead);
    }
    settings.bind(|| insta::assert_snapshot!(name, told.page()));
}
