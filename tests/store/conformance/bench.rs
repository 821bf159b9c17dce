//! Both stores behind one set of doors.
//!
//! Owns [`Bench`]: the statements of the engine are those of `port::Store` and `port::inbound::LateStore`; what is not the
//! engine's, each store does in its own way.

use postrider::{
    mail::{
        Address, Content, Event, IncomingId, Letter, LetterId, Mailbox, Recipient, Scope, Shard,
        State, Timestamp,
    },
    policy::StreamKind,
    port::{Store, inbound::LateStore},
    sim::world::MemStore,
    store::{Answer, PgStore},
};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{self, SIZE_MAX_BYTES, ban};

/// What a letter is, as both doors take it.
pub(super) struct Wish {
    pub(super) to: String,
    pub(super) stream: &'static str,
    pub(super) priority: u8,
    pub(super) send_at: Option<Timestamp>,
}

/// A store with the doors that are not the engine's.
pub(super) trait Bench {
    type Store: Store + LateStore;

    fn store(&self) -> &Self::Store;
    async fn enqueue(&self, wish: &Wish, now: Timestamp) -> Option<LetterId>;
    async fn suppress(&self, address: &str, scope: Scope);
    async fn standing(&self, id: LetterId) -> (State, Option<Timestamp>, Vec<Event>);
    /// Makes a letter's row one that cannot be read.
    async fn spoil(&self, id: LetterId);
    /// What a mail turned out to be, once it was read: kind, effect, proof, letter, words.
    async fn understood(&self, id: IncomingId) -> Option<String>;
}

/// Variables of every letter: what its content is measured by.
pub(super) const VARIABLES: &str = r#"{"name": "Анна"}"#;

/// The store on PostgreSQL, with a way past it.
pub(super) struct Postgres {
    store: PgStore,
    pool: PgPool,
}

impl Postgres {
    /// A new one, empty.
    pub(super) async fn new() -> Self {
        let pool = support::database().await;
        Self {
            store: support::store(&pool).await,
            pool,
        }
    }
}

/// The store in memory, empty.
pub(super) fn memory() -> MemStore {
    let streams = [
        ("marketing".to_owned(), StreamKind::Marketing),
        ("transactional".to_owned(), StreamKind::Transactional),
    ];
    MemStore::new(streams)
}

impl Bench for Postgres {
    type Store = PgStore;

    fn store(&self) -> &PgStore {
        &self.store
    }

    async fn enqueue(&self, wish: &Wish, now: Timestamp) -> Option<LetterId> {
        let mut fields = json!({"stream": wish.stream, "priority": wish.priority});
        if let Some(at) = wish.send_at {
            fields["send_at"] = at.to_string().into();
        }
        let letters = [support::letter(&wish.to, fields)];
        let answers = self.store.enqueue(&letters, SIZE_MAX_BYTES, now).await;
        match answers.unwrap().remove(0) {
            Answer::Accepted(id) => Some(id),
            Answer::Suppressed { .. } => None,
            other => panic!("{other:?}"),
        }
    }

    async fn suppress(&self, address: &str, scope: Scope) {
        self.store.suppress(&ban(address, scope)).await.unwrap();
    }

    async fn standing(&self, id: LetterId) -> (State, Option<Timestamp>, Vec<Event>) {
        let letter = self.store.letter(id).await.unwrap().unwrap();
        let lines = self.store.history(id).await.unwrap();
        let events = lines.into_iter().map(|line| line.event).collect();
        (letter.state, letter.due_at, events)
    }

    async fn spoil(&self, id: LetterId) {
        let spoilt = "update postrider.letter set from_address = 'not an address' where id = $1";
        sqlx::query(spoilt)
            .bind(id.0)
            .execute(&self.pool)
            .await
            .unwrap();
    }

    async fn understood(&self, id: IncomingId) -> Option<String> {
        let view = self.store.inbound(id).await.unwrap().unwrap();
        view.read_at?;
        Some(format!(
            "{:?} {:?} {:?} {:?} {:?}",
            view.kind?, view.effect?, view.proof, view.letter, view.detail?
        ))
    }
}

impl Bench for MemStore {
    type Store = Self;

    fn store(&self) -> &Self {
        self
    }

    async fn enqueue(&self, wish: &Wish, now: Timestamp) -> Option<LetterId> {
        let id = LetterId(Uuid::now_v7());
        let mailbox = |text: &str| Mailbox {
            address: Address::parse(text).unwrap(),
            name: None,
        };
        let letter = Letter {
            id,
            shard: Shard(0),
            stream: wish.stream.to_owned(),
            campaign: None,
            to: Recipient {
                mailbox: mailbox(&wish.to),
                locale: None,
                time_zone: None,
            },
            from: mailbox("news@example.com"),
            reply_to: None,
            content: Content::Template {
                name: "digest".to_owned(),
                variables: VARIABLES.to_owned(),
                parts: Vec::new(),
            },
            tags: Vec::new(),
            enqueued_at: now,
            send_at: wish.send_at,
            valid_until: None,
        };
        MemStore::enqueue(self, letter, wish.priority).then_some(id)
    }

    async fn suppress(&self, address: &str, scope: Scope) {
        MemStore::suppress(self, ban(address, scope));
    }

    async fn standing(&self, id: LetterId) -> (State, Option<Timestamp>, Vec<Event>) {
        let standing = self.letter(id).unwrap();
        (standing.state, standing.due, standing.events)
    }

    async fn spoil(&self, id: LetterId) {
        MemStore::spoil(self, id, "from");
    }

    async fn understood(&self, id: IncomingId) -> Option<String> {
        let understood = self.mail(id).unwrap().1?;
        Some(format!(
            "{:?} {:?} {:?} {:?} {:?}",
            understood.kind.name(),
            understood.effect.name(),
            understood.proof.map(|proof| proof.name().to_owned()),
            understood.letter,
            understood.detail
        ))
    }
}
