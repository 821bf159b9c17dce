//! Both stores behind one set of doors.
//!
//! Owns [`Bench`]: the statements of the engine are those of `port::Store`; what is not the engine's, each store does in its
//! own way.

use postrider::{
    mail::{
        Address, Content, Event, Letter, LetterId, Mailbox, Recipient, Scope, Shard, State,
        Timestamp,
    },
    port::Store,
    sim::world::MemStore,
    store::{Answer, PgStore},
};
use serde_json::json;
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
    type Store: Store;

    fn store(&self) -> &Self::Store;
    async fn enqueue(&self, wish: &Wish, now: Timestamp) -> Option<LetterId>;
    async fn suppress(&self, address: &str, scope: Scope);
    async fn standing(&self, id: LetterId) -> (State, Option<Timestamp>, Vec<Event>);
}

impl Bench for PgStore {
    type Store = Self;

    fn store(&self) -> &Self {
        self
    }

    async fn enqueue(&self, wish: &Wish, now: Timestamp) -> Option<LetterId> {
        let mut fields = json!({"stream": wish.stream, "priority": wish.priority});
        if let Some(at) = wish.send_at {
            fields["send_at"] = at.to_string().into();
        }
        let letters = [support::letter(&wish.to, fields)];
        let answers = PgStore::enqueue(self, &letters, SIZE_MAX_BYTES, now).await;
        match answers.unwrap().remove(0) {
            Answer::Accepted(id) => Some(id),
            Answer::Suppressed { .. } => None,
            other => panic!("{other:?}"),
        }
    }

    async fn suppress(&self, address: &str, scope: Scope) {
        PgStore::suppress(self, &ban(address, scope)).await.unwrap();
    }

    async fn standing(&self, id: LetterId) -> (State, Option<Timestamp>, Vec<Event>) {
        let letter = self.letter(id).await.unwrap().unwrap();
        let lines = self.history(id).await.unwrap();
        let events = lines.into_iter().map(|line| line.event).collect();
        (letter.state, letter.due_at, events)
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
            content: Content::Raw(Vec::new()),
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
}
