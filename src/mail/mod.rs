//! The nouns that every room speaks: address, letter, reply, evidence, verdict, event.
//!
//! Owns plain values and their laws. Promises: no I/O, no clock, no chance, no serialisation format; an [`Address`]
//! or a [`Domain`] that exists is valid. Leaves decisions to `policy` and texts to `bounce`. Read [`letter`] first,
//! then [`evidence`] and [`verdict`], which are the two ends of the one judge.

pub mod address;
mod brake;
pub mod class;
pub mod event;
pub mod evidence;
pub mod hold;
pub mod incoming;
pub mod late;
pub mod letter;
pub mod provider;
pub mod reply;
pub mod report;
pub mod route;
pub mod statistics;
pub mod suppression;
pub mod time;
pub mod tls;
pub mod verdict;
mod warmup;

pub use address::{Address, AddressFault, Domain, Shard};
pub use brake::{BrakeLevel, Figures, Measure};
pub use class::{Class, Fault, Finding, Term};
pub use event::{Event, EventKind};
pub use evidence::{Evidence, Trouble, TroubleKind, Unheard, Unroutable, Unsendable};
pub use hold::{Aside, Hold, HoldId, HoldOn, Quiet};
pub use incoming::{Door, Effect, Incoming, IncomingId};
pub use late::{LateWord, Revision, Witness};
pub use letter::{Content, InDoubt, Letter, LetterId, Mailbox, Part, Recipient, State};
pub use provider::Provider;
pub use reply::{EnhancedCode, Reply, Stage};
pub use report::{Action, Complaint, Original, RcptSource, Report, ReportKind, Told};
pub use route::{Phase, RouteKey, RouteState, Share};
pub use statistics::{Statistics, StatisticsKind, StatisticsLine};
pub use suppression::{Reason, Scope, Suppression};
pub use time::Timestamp;
pub use tls::{PolicyType, ResultType, TlsOutcome};
pub use verdict::{Next, Signal, Verdict};
pub use warmup::{WarmCap, WarmDay};
