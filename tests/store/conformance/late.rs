//! What comes in, and late words: the part of a course beside the engine's beat.
//!
//! Owns the statements of `port::inbound::LateStore`, and the hearing of the news that all statements make.

use std::time::Duration;

use postrider::{
    mail::{
        Address, Door, Effect, Event, EventKind, Incoming, LetterId, ReportKind, Revision, Scope,
        Shard, State, Suppression,
    },
    port::{
        Store, SuppressionNews,
        inbound::{Intake, Kind, LateSettlement, LateStore, Proof, Understood},
    },
};
use tokio::sync::broadcast::Receiver;

use super::{Course, DOMAINS, bench::Bench};
use crate::support::ban;

/// Where news end: an address that no course has.
const LAST: &str = "last@end.example";

/// News are told at commit, and a database may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

impl<B: Bench> Course<'_, B> {
    pub(super) async fn keep(&mut self) {
        let number = self.mails.len();
        let door = Door::ALL[usize::try_from(self.throw(4)).unwrap()];
        let mail = Incoming {
            at: self.now,
            door,
            remote: None,
            mail_from: String::new(),
            rcpt_to: vec![format!("b+{number}@bounce.example.com")],
            raw: format!("Subject: mail {number}\r\n\r\n").into_bytes(),
        };
        let id = self.bench.store().keep(mail).await.unwrap();
        self.mails.push(id);
        self.tell(format!("keep {number} from {}", door.name()));
    }

    pub(super) async fn take(&mut self) {
        let few = u32::try_from(self.throw(4) + 1).unwrap();
        // Mails taken together are due together, and then any of them may come first.
        let max = if self.are_mails_tied { 500 } else { few };
        let until = self.now.plus(Duration::from_secs(self.throw(5)));
        let taken = self.bench.store().take(self.now, until, max).await.unwrap();
        let mut lines: Vec<String> = taken
            .iter()
            .map(|kept| format!("{:?}", kept.mail))
            .collect();
        lines.sort();
        self.are_mails_tied |= lines.len() > 1;
        self.tell(format!("take {lines:?}"));
    }

    fn mail(&mut self) -> Option<usize> {
        let place = self.throw(self.mails.len().max(1) as u64);
        (!self.mails.is_empty()).then(|| usize::try_from(place).unwrap())
    }

    pub(super) async fn close(&mut self) {
        let Some(number) = self.mail() else { return };
        let effects = Effect::ALL.len() as u64;
        let understood = Understood {
            kind: Kind::Report(ReportKind::Bounce),
            effect: Effect::ALL[usize::try_from(self.throw(effects)).unwrap()],
            proof: (self.throw(2) == 0).then_some(Proof::Envelope),
            letter: None,
            detail: format!("word {}", self.transcript.len()),
        };
        let (store, id) = (self.bench.store(), self.mails[number]);
        store.close(id, self.now, &understood).await.unwrap();
        self.tell(format!("close {number}"));
    }

    pub(super) async fn postpone(&mut self) {
        let Some(number) = self.mail() else { return };
        let until = self.now.plus(Duration::from_secs(self.throw(4)));
        let store = self.bench.store();
        store.postpone(self.mails[number], until).await.unwrap();
        self.tell(format!("postpone {number}"));
    }

    pub(super) async fn suppress_reported(&mut self) {
        let reader = self.throw(9);
        let address = format!("reader{reader}@{}", DOMAINS[0]);
        let entry = self.entry(&address);
        self.bench.store().suppress_reported(&entry).await.unwrap();
        self.tell(format!("reported {address} until {:?}", entry.until));
    }

    /// Some entries end, so that some are longer than others.
    fn entry(&mut self, address: &str) -> Suppression {
        let until = self.now.plus(Duration::from_secs(self.throw(60)));
        let is_for_good = self.throw(3) == 0;
        Suppression {
            until: (!is_for_good).then_some(until),
            ..ban(address, Scope::Everything)
        }
    }

    /// A late word about a letter, judged by where it stands now or by where it no longer does.
    pub(super) async fn settle_late(&mut self) {
        let place = self.throw(self.letters.len().max(1) as u64);
        let letter = self.letters.get(usize::try_from(place).unwrap());
        let Some((id, to)) = letter.cloned() else {
            return;
        };
        let shard = shard_of(id);
        let found = self.bench.store().standing(id, shard).await.unwrap();
        let standing = found.unwrap();
        self.tell(format!("{} stands as {standing:?}", self.name(id)));
        let stood = match self.throw(4) {
            0 => State::Delivered,
            _ => standing.state,
        };
        let (state, kind) = match self.throw(4) {
            0 => (None, EventKind::Complained),
            1 => (Some(State::Delivered), EventKind::Delivered),
            _ => (Some(State::Bounced), EventKind::Bounced),
        };
        let suppress = (self.throw(3) == 0).then(|| self.entry(&to));
        let text = Some(format!("late word {}", self.transcript.len()));
        let settlement = LateSettlement {
            id,
            shard,
            stood,
            word: if state.is_some() {
                "bounce"
            } else {
                "complaint"
            },
            hash: [u8::try_from(self.throw(3)).unwrap(); 32],
            revision: Revision {
                state,
                event: Event {
                    text,
                    ..Event::bare(self.now, kind)
                },
                suppress,
            },
        };
        let settled = self.bench.store().settle_late(&settlement).await.unwrap();
        self.tell(format!(
            "a late {} for {}: {settled:?}",
            kind.name(),
            self.name(id)
        ));
    }

    /// What every mail turned out to be.
    pub(super) async fn look_at_mails(&mut self) {
        for (number, id) in self.mails.clone().into_iter().enumerate() {
            let understood = self.bench.understood(id).await;
            self.tell(format!("mail {number}: {understood:?}"));
        }
    }

    /// Everybody who was announced as suppressed, in the order of commits.
    pub(super) async fn hear(&mut self, news: &mut Receiver<SuppressionNews>) {
        self.bench.suppress(LAST, Scope::Everything).await;
        let readers = (0..9).flat_map(|reader| {
            DOMAINS.map(|domain| Address::parse(&format!("reader{reader}@{domain}")).unwrap())
        });
        let readers: Vec<Address> = readers.chain([Address::parse(LAST).unwrap()]).collect();
        let mut heard = Vec::new();
        while heard.last().is_none_or(|last| last != LAST) {
            let next = tokio::time::timeout(PATIENCE, news.recv()).await;
            if let SuppressionNews::Suppressed(mark) = next.expect("news come").unwrap() {
                let named = readers.iter().find(|to| B::Store::mark(to) == mark);
                heard.push(named.unwrap().to_string());
            }
        }
        self.tell(format!("heard {heard:?}"));
    }
}

/// The last octet of an id names the shard; the store in memory has no shards and does not look.
fn shard_of(id: LetterId) -> Shard {
    Shard(i16::from(id.0.as_bytes()[15]))
}
