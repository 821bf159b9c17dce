//! The traits between the engine and the world: store, journal, DNS, wire, clock, dice.
//!
//! Owns signatures and the values they carry. Promises: the engine needs nothing else, so the same engine runs on
//! PostgreSQL and sockets, and in a simulated world. Implementations live in `store`, `journal`, `net` and `sim`.

pub mod brake;
pub mod inbound;
mod journal;
mod lease;
mod net;
pub mod pace;
mod tls;
mod warmup;

use std::{future::Future, net::IpAddr, time::Duration};

use tokio::sync::broadcast;
use uuid::Uuid;

pub use self::{
    brake::BrakeStore,
    journal::{Claim, Journal, JournalError, Legacy, Word},
    lease::{Cursor, LaneRoom, LeaseAsk, URGENT},
    net::{Dial, Dns, HostAnswer, MxAnswer, Tlsa, TlsaAnswer, Wire},
    pace::{Beat, Heard, NodeId},
    tls::{KeptPolicy, TlsCount, TlsStore},
    warmup::WarmupStore,
};
use crate::mail::{
    Address, Aside, BrakeLevel, Hold, Letter, LetterId, Measure, Reason, Shard, Timestamp,
    TlsOutcome, Verdict,
};

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// This moment.
    fn now(&self) -> Timestamp;
}

/// Throws the dice.
pub trait Dice: Send + Sync + 'static {
    /// A number in 0..1.
    fn roll(&self) -> f64;
}

/// A time-limited claim on letters. One per call of [`Store::lease`], so a late outcome of an older lease is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseId(pub Uuid);

/// The queue's line for one recipient domain: letters in it share a route, so a throttled one is skipped whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane(pub i32);

/// A claim as it stands: its name and the end that was written last. Every renewal writes another end, so a tenure that
/// stands still is a claim that nobody renews; what the end says is the reading of somebody else's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenure {
    /// The claim.
    pub lease: LeaseId,
    /// Its end, by the clock of whoever wrote it.
    pub until: Timestamp,
}

/// Which forsaken leases to take over.
#[derive(Clone, Debug)]
pub struct AdoptAsk {
    /// The new claim's name.
    pub lease: LeaseId,
    /// This moment.
    pub now: Timestamp,
    /// Only claims that stand exactly so: one that was renewed meanwhile is its holder's.
    pub forsaken: Vec<Tenure>,
    /// The new claim ends here.
    pub until: Timestamp,
    /// No more letters than this.
    pub max: u32,
}

/// What a lease brought.
#[derive(Clone, Debug, Default)]
pub struct Leased {
    /// The letters, now ours until the lease ends.
    pub letters: Vec<LeasedLetter>,
    /// Where this look ended; `None` when it came to the last lane.
    pub resume: Option<Cursor>,
}

/// One claimed letter with what the engine needs to judge it.
#[derive(Clone, Debug)]
pub struct LeasedLetter {
    /// The claim it belongs to.
    pub lease: LeaseId,
    /// Its line in the queue.
    pub lane: Lane,
    /// 0 goes first.
    pub priority: u8,
    /// Attempts made before this one.
    pub attempts: u16,
    /// Why it must not be sent, when it is suppressed already.
    pub suppressed: Option<Reason>,
    /// The source that it should leave from, where the receiver remembers one.
    pub source: Option<String>,
    /// The letter, or what is wrong with its row.
    pub letter: Result<Box<Letter>, Broken>,
}

/// A row that cannot be read as a letter: it must still reach a final state.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Its name.
    pub id: LetterId,
    /// Where its rows live.
    pub shard: Shard,
    /// What is wrong.
    pub fault: crate::mail::Unsendable,
}

impl LeasedLetter {
    /// Whether it goes before all others.
    pub const fn is_urgent(&self) -> bool {
        self.priority <= URGENT
    }

    /// The letter's name, readable or not.
    pub fn id(&self) -> LetterId {
        self.letter
            .as_ref()
            .map_or_else(|broken| broken.id, |letter| letter.id)
    }

    /// Where the letter's rows live.
    pub fn shard(&self) -> Shard {
        self.letter
            .as_ref()
            .map_or_else(|broken| broken.shard, |letter| letter.shard)
    }
}

/// One verdict on its way into the store.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Which letter.
    pub id: LetterId,
    /// Where its rows live.
    pub shard: Shard,
    /// The claim under which it was judged; if the store knows a newer one, the verdict is only history.
    pub lease: LeaseId,
    /// Attempts made, this one included.
    pub attempts: u16,
    /// What the judge said.
    pub verdict: Verdict,
    /// How the attempt went, for `explain` and reports; `None` when no connection was tried.
    pub attempt: Option<AttemptRecord>,
}

impl Settlement {
    /// The source that the next attempt should leave from.
    pub fn kept_source(&self) -> Option<String> {
        let attempt = self.attempt.as_ref().filter(|_| self.verdict.keeps_source);
        attempt.map(|attempt| attempt.source.clone())
    }
}

/// How one attempt went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// The site, by its name.
    pub site: String,
    /// The provider's name.
    pub provider: &'static str,
    /// The MX host spoken to.
    pub host: Option<String>,
    /// Its address.
    pub remote: Option<IpAddr>,
    /// The local source name.
    pub source: String,
    /// TLS version and cipher, `None` in clear.
    pub tls: Option<String>,
    /// Composing and signing.
    pub prepare: Duration,
    /// From the first command of this letter to its last reply.
    pub talk: Duration,
    /// Size on the wire.
    pub size_bytes: usize,
}

/// A claimed letter that is put aside untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The claim, which ends with it.
    pub lease: LeaseId,
    /// Where its rows live.
    pub shard: Shard,
    /// Which letter.
    pub id: LetterId,
    /// Why, and until when.
    pub aside: Aside,
}

/// An address as its suppression is announced: whoever may listen need not learn addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AddressMark(pub String);

/// What the store tells those who hold letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SuppressionNews {
    /// A suppression of that address has committed.
    Suppressed(AddressMark),
    /// The store could not be heard for a while: anybody may have been suppressed.
    Missed,
}

/// Our own trouble with the store; the letter's fate is untouched by it.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct StoreError {
    /// What was being done, such as `settling 200 verdicts`.
    pub doing: String,
    /// Why it failed.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Keeps letters, and the only place that knows which of them are whose.
pub trait Store: TlsStore + BrakeStore + WarmupStore {
    /// Claims due letters, highest priority first, no lane beyond its room.
    fn lease(&self, ask: LeaseAsk) -> impl Future<Output = Result<Leased, StoreError>> + Send;

    /// Keeps claims alive until `until`; returns the letters that were not ours any more.
    fn renew(
        &self,
        held: Vec<(LeaseId, Shard, LetterId)>,
        until: Timestamp,
    ) -> impl Future<Output = Result<Vec<LetterId>, StoreError>> + Send;

    /// Writes verdicts, events and suppressions in one transaction; returns the letters whose claim was lost.
    ///
    /// A letter that was put in doubt under this very claim, and not leased since, takes a verdict that knows more:
    /// `in_doubt` becomes what the verdict says. Only a retry cannot call a letter back that has left the queue.
    fn settle(
        &self,
        settlements: &[Settlement],
    ) -> impl Future<Output = Result<Vec<LetterId>, StoreError>> + Send;

    /// Gives claims back untouched, at shutdown.
    fn release(
        &self,
        held: Vec<(LeaseId, Shard, LetterId)>,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives back every letter that is still claimed under these leases, wherever it is; returns how many. For leases
    /// whose answer was lost, and for those of dead processes. May read everything that waits.
    fn release_leases(
        &self,
        leases: &[LeaseId],
        now: Timestamp,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Moves letters whose time has come into the ready part of the queue; leased ones stay. Returns how many moved.
    fn promote(
        &self,
        now: Timestamp,
        max: u32,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Up to `max` claims as they stand, those whose end was written furthest back first.
    fn tenures(&self, max: u32) -> impl Future<Output = Result<Vec<Tenure>, StoreError>> + Send;

    /// Takes over letters of forsaken leases, for judging and not for sending: their holder may have had them on the
    /// wire. Leaves a `lease_expired` line in their history, and remembers whose claim it was: a late outcome under it
    /// still counts until the letter is leased again. A claim that was renewed since it was seen stays its holder's.
    fn adopt(
        &self,
        ask: AdoptAsk,
    ) -> impl Future<Output = Result<Vec<LeasedLetter>, StoreError>> + Send;

    /// The letters of these claims, read and not claimed. Left out are those that no outcome can change any more: in a
    /// final state other than `in_doubt`, or purged.
    fn recall(
        &self,
        claims: &[Claim],
    ) -> impl Future<Output = Result<Vec<LeasedLetter>, StoreError>> + Send;

    /// The holds in force.
    fn holds(&self) -> impl Future<Output = Result<Vec<Hold>, StoreError>> + Send;

    /// Puts claimed letters aside, untouched: under holds they wait until their hold is lifted or their validity ends, and one
    /// whose hold was lifted meanwhile is ready again; in quiet hours they wait for the moment that is named.
    fn park(
        &self,
        letters: &[Parked],
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Makes letters of lifted holds ready; returns how many.
    fn let_go(
        &self,
        now: Timestamp,
        max: u32,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// The mark under which suppressions of that address are announced.
    fn mark(address: &Address) -> AddressMark;

    /// News of suppressions from now on, as they commit. A letter leased before them may not know that it is suppressed.
    fn suppression_news(&self) -> broadcast::Receiver<SuppressionNews>;

    /// Takes a node's sign of life and answers what the others have said, one beat after another.
    fn beat(&self, beat: Beat) -> impl Future<Output = Result<Heard, StoreError>> + Send;

    /// A node uses nothing any more and will not beat again.
    fn leave(&self, node: NodeId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Waits until letters are ready, at most `patience`.
    fn wait_for_work(&self, patience: Duration) -> impl Future<Output = ()> + Send;
}

/// Sees what the engine does, for metrics; every method may do nothing.
pub trait Watch: Send + Sync + 'static {
    /// Letters were leased.
    fn leased(&self, count: usize, took: Duration) {
        let _ = (count, took);
    }

    /// A connection was opened to a provider, or not.
    fn connected(&self, provider: &'static str, tls: Option<&str>, success: bool) {
        let _ = (provider, tls, success);
    }

    /// A session to a host came to be, or did not, as far as its security goes.
    fn secured(&self, outcome: &TlsOutcome) {
        let _ = outcome;
    }

    /// Other nodes had taken letters before their verdicts came.
    fn lost(&self, count: usize) {
        let _ = count;
    }

    /// The store did not do what was asked.
    fn store_failed(&self) {}

    /// A batch of verdicts reached the store.
    fn settled(&self, batch: &[Settlement], took: Duration) {
        let _ = (batch, took);
    }

    /// A letter of a stream broke rules of `compose::lint`; `refused` did not leave.
    fn linted(&self, rules: &[&'static str], refused: bool) {
        let _ = (rules, refused);
    }

    /// A brake warned or stopped something.
    fn braked(&self, level: BrakeLevel, measure: Measure) {
        let _ = (level, measure);
    }

    /// Letters in flight now.
    fn in_flight(&self, count: usize) {
        let _ = count;
    }
}

/// Nobody looks.
impl Watch for () {}

/// Everything the engine needs of the world, in one type.
pub trait World: Send + Sync + 'static {
    /// Keeps letters.
    type Store: Store;
    /// Asks DNS.
    type Dns: Dns;
    /// Opens connections.
    type Dial: Dial;
    /// Tells those who come after us.
    type Journal: Journal;
    /// Tells the time.
    type Clock: Clock;
    /// Throws the dice.
    type Dice: Dice;
    /// Sees what happens.
    type Watch: Watch;

    /// Keeps letters.
    fn store(&self) -> &Self::Store;
    /// Asks DNS.
    fn dns(&self) -> &Self::Dns;
    /// Opens connections.
    fn dial(&self) -> &Self::Dial;
    /// Tells those who come after us.
    fn journal(&self) -> &Self::Journal;
    /// Tells the time.
    fn clock(&self) -> &Self::Clock;
    /// Throws the dice.
    fn dice(&self) -> &Self::Dice;
    /// Sees what happens.
    fn watch(&self) -> &Self::Watch;
}
