//! Both ends of every letter: what our database says became of it, and how many copies its provider took.

use std::collections::{BTreeMap, HashMap};

use postrider::{
    mail::{LetterId, State},
    store::LetterFilter,
};
use uuid::Uuid;

use crate::{desk, world::World};

/// The events that end a letter.
const ENDINGS: [&str; 7] = [
    "delivered",
    "bounced",
    "expired",
    "suppressed",
    "cancelled",
    "failed",
    "in_doubt",
];

/// One letter at both ends.
#[derive(Clone, Debug)]
pub(crate) struct Fate {
    pub(crate) id: LetterId,
    pub(crate) to: String,
    pub(crate) stream: String,
    pub(crate) state: State,
    /// Copies that the provider took.
    pub(crate) copies: u16,
    /// `RCPT TO`s that the provider heard.
    pub(crate) tries: u16,
    /// Its history: how many events of each kind.
    pub(crate) events: BTreeMap<String, i64>,
}

impl World {
    /// Every letter of this world.
    pub(crate) async fn fates(&self) -> Vec<Fate> {
        let mut histories = self.histories().await;
        let (seen, identity) = (self.internet.letters(), desk::identity());
        let filter = LetterFilter {
            max: 1 << 20,
            ..LetterFilter::default()
        };
        let views = self.store.letters(&filter).await.unwrap();
        let fates = views.into_iter().map(|view| {
            let letter = view.letter.as_ref().ok();
            let to = letter.map_or_else(String::new, |l| l.to.mailbox.address.to_string());
            let record = letter.and_then(|l| seen.by_envelope(&identity.return_path(l), &to));
            let record = record.unwrap_or_default();
            Fate {
                id: view.id,
                to,
                stream: letter.map_or_else(String::new, |l| l.stream.clone()),
                state: view.state,
                copies: record.accepted,
                tries: record.attempts,
                events: histories.remove(&view.id).unwrap_or_default(),
            }
        });
        fates.collect()
    }

    /// How many events of each kind each letter has.
    async fn histories(&self) -> HashMap<LetterId, BTreeMap<String, i64>> {
        let rows: Vec<(Uuid, String, i64)> = sqlx::query_as(
            "select letter_id, case when kind = 'in_doubt' and due is not null then 'doubted' else kind end, count(*)
            from postrider.event group by 1, 2",
        )
        .fetch_all(self.database.pool())
        .await
        .unwrap();
        let mut histories: HashMap<LetterId, BTreeMap<String, i64>> = HashMap::new();
        for (id, kind, count) in rows {
            histories
                .entry(LetterId(id))
                .or_default()
                .insert(kind, count);
        }
        histories
    }

    /// Promises 1 and 5 for every letter; what is left to compare is returned.
    pub(crate) async fn kept(&self) -> Vec<Fate> {
        let fates = self.fates().await;
        for fate in &fates {
            fate.check();
        }
        let tally = self.internet.tally();
        assert!(tally.findings.is_empty(), "{:?}", tally.findings);
        assert_eq!(tally.verified, tally.accepted());
        fates
    }
}

impl Fate {
    pub(crate) fn events(&self, kind: &str) -> i64 {
        self.events.get(kind).copied().unwrap_or(0)
    }

    /// One final state, one terminal event that says the same, and a provider who agrees.
    fn check(&self) {
        assert!(self.state.is_final(), "{self:?}");
        let mut endings: i64 = ENDINGS.iter().map(|kind| self.events(kind)).sum();
        // The late word of a node that was frozen may end the doubt.
        if self.state != State::InDoubt && self.events("lease_expired") > 0 {
            endings -= self.events("in_doubt");
        }
        assert_eq!(endings, 1, "{self:?}");
        assert_eq!(self.events(self.state.name()), 1, "{self:?}");
        assert_eq!(self.events("queued"), 1, "{self:?}");
        match self.state {
            State::Delivered => assert!(self.copies >= 1, "lost: {self:?}"),
            State::InDoubt => {}
            _ => assert_eq!(self.copies, 0, "{self:?}"),
        }
    }
}

/// How many letters are in each state.
pub(crate) fn states(fates: &[Fate]) -> BTreeMap<&'static str, usize> {
    let mut states = BTreeMap::new();
    for fate in fates {
        *states.entry(fate.state.name()).or_default() += 1;
    }
    states
}
