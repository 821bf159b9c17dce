//! One letter's way to its receiver: check, compose, sign, speak.
//!
//! Owns the sentence. Promises: nothing is said to a receiver for a letter that must not go or cannot be composed; what
//! comes out is evidence for the judge, never a decision. Routing has happened (`dispatch`), judging follows (`crew`).

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    connection::{Connection, Unsaid},
    crew::{Crew, turn_away},
    desk::Stream,
    ledger::Standing,
    pace::NoTurn,
    prepare::Pass,
};
use crate::{
    compose::{Composed, compose},
    dkim::{self, Signed},
    mail::{Address, Evidence, Letter, Stage, TroubleKind, Unsendable},
    port::{AttemptRecord, Clock, LeasedLetter, Watch, Wire, World},
    smtp::{Envelope, Outcome, Session},
};

/// How long a letter may take from the engine's stop to its final dot: healthy receivers need a fraction of it.
const LAST_LETTERS: Duration = Duration::from_secs(2);

/// What is known when a letter's turn is over.
type Told = (Evidence, Option<AttemptRecord>);

/// A letter that may be handed over as it is.
struct Ready<'a> {
    leased: &'a LeasedLetter,
    letter: &'a Letter,
    signed: Signed,
    return_path: Address,
    prepare: Duration,
}

/// Checks, composes, signs and speaks; `Err` when it came to no word.
pub(super) async fn deliver<W: World>(
    connection: &mut Connection<'_, W>,
    leased: &LeasedLetter,
    pass: Pass<'_>,
) -> Result<Told, Unsaid> {
    unheld(connection, leased)?;
    match ready(connection.crew, leased, pass) {
        Ok(ready) => speak(connection, &ready).await,
        Err(evidence) => Ok((evidence, None)),
    }
}

/// No person holds back this letter or this way, and its reader may hear of it now.
fn unheld<W: World>(connection: &Connection<'_, W>, leased: &LeasedLetter) -> Result<(), Unsaid> {
    let (crew, site) = (connection.crew, connection.site);
    let aside = crew
        .aside(leased)
        .or_else(|| crew.hold_on_way(leased, &site.name, site.way.provider()));
    if let Some(aside) = aside {
        return Err(Unsaid::Aside(aside));
    }
    // Another source of its pool may be open: whoever leases it next will see.
    let is_closed = crew.holds.on_source(connection.source()).is_some();
    if is_closed {
        Err(Unsaid::GiveBack)
    } else {
        Ok(())
    }
}

/// The letter as it goes out; the pass ends with the preparing.
fn ready<'a, W: World>(
    crew: &Crew<W>,
    leased: &'a LeasedLetter,
    _pass: Pass<'_>,
) -> Result<Ready<'a>, Evidence> {
    let begun = Instant::now();
    let now = crew.world.clock().now();
    if let Some(evidence) = turn_away(leased, now) {
        return Err(evidence);
    }
    let letter = leased
        .letter
        .as_ref()
        .map_err(|broken| unsendable(broken.fault.clone()))?;
    let desk = &crew.desk;
    let stream = crew.stream(letter).map_err(unsendable)?;
    let composed = compose(
        letter,
        &stream.style,
        &desk.identity,
        &desk.templates.get(),
        now,
    );
    let composed = composed.map_err(unsendable)?;
    let signed = dkim::sign(&desk.keyring.get(), &composed, now).map_err(unsendable)?;
    inspect(crew, stream, letter, &composed, &signed).map_err(unsendable)?;
    let return_path = return_path(&signed).map_err(unsendable)?;
    Ok(Ready {
        leased,
        letter,
        signed,
        return_path,
        prepare: begun.elapsed(),
    })
}

/// The stream's gate: its letters may have come by SQL, where nobody could look at them.
fn inspect<W: World>(
    crew: &Crew<W>,
    stream: &Stream,
    letter: &Letter,
    composed: &Composed,
    signed: &Signed,
) -> Result<(), Unsendable> {
    let looked = stream
        .lint
        .look(signed.bytes(), composed, letter, &stream.style);
    if !looked.rules.is_empty() {
        let watch = crew.world.watch();
        watch.linted(&looked.rules, looked.refused.is_some());
    }
    looked.refused.map_or(Ok(()), Err)
}

fn return_path(signed: &Signed) -> Result<Address, Unsendable> {
    let text = signed.return_path();
    Address::parse(text)
        .map_err(|fault| Unsendable::new("identity.return_path_domain", format!("{text} {fault}")))
}

fn unsendable(fault: Unsendable) -> Evidence {
    Evidence::Unsendable(fault)
}

/// Hands the letter over on the warm session, or on a fresh one.
async fn speak<W: World>(
    connection: &mut Connection<'_, W>,
    ready: &Ready<'_>,
) -> Result<Told, Unsaid> {
    let mut told = say(connection, ready).await?;
    if told.0.hung_up_while_idle {
        told = say(connection, ready).await?;
    }
    let (said, record) = &told;
    connection
        .crew
        .note(ready.leased, &said.evidence, Some(record));
    Ok((told.0.evidence, Some(told.1)))
}

/// What one try said, and whether it says nothing about the letter.
struct Said {
    evidence: Evidence,
    hung_up_while_idle: bool,
}

async fn say<W: World>(
    connection: &mut Connection<'_, W>,
    ready: &Ready<'_>,
) -> Result<(Said, AttemptRecord), Unsaid> {
    let mut record = record(connection, ready);
    let crew = Arc::clone(connection.crew);
    let domain = ready.letter.to.mailbox.address.domain();
    connection.session(domain).await?;
    // Its turn lasts until its talk is over.
    let turn = crew.turn(&connection.site.path, ready.letter).await;
    let _turn = turn.map_err(|why| match why {
        NoTurn::TooLong => Unsaid::GiveBack,
        NoTurn::MustLeave => Unsaid::OneTooMany,
    })?;
    unheld(connection, ready.leased)?;
    let session = connection.session(domain).await?;
    // Composing and connecting took their time: this is the last moment to learn that the letter must not go.
    match crew.standing(ready.leased, ready.letter) {
        Standing::Ours => {}
        Standing::Lost => return Err(Unsaid::Lost),
        Standing::RanOut | Standing::InQuestion => return Err(Unsaid::GiveBack),
    }
    let envelope = Envelope {
        return_path: &ready.return_path,
        recipient: &ready.letter.to.mailbox.address,
    };
    let may_leave = || crew.may_leave(ready.leased);
    let talk = talk(
        session,
        envelope,
        ready.signed.bytes(),
        may_leave,
        &crew.stop,
    );
    let outcome = talk.await.ok_or(Unsaid::GiveBack)?;
    let refused_chunks = session.refused_chunks();
    record.host = Some(session.host().to_owned());
    record.remote = Some(session.remote());
    record.tls = session.tls().map(ToOwned::to_owned);
    record.talk = outcome.talk;
    connection.source().clone_into(&mut record.source);
    if refused_chunks {
        connection.site.note_refused_chunks();
    }
    Ok((
        Said {
            hung_up_while_idle: hung_up_while_idle(&outcome),
            evidence: outcome.evidence,
        },
        record,
    ))
}

/// One letter's talk; `None` is sure that the letter did not arrive. `may_leave` is asked right before the final dot, which
/// may be long after the first command. When the engine stops, a talk that has not come so far in time is broken off;
/// after the dot only the reply can tell, however late it comes.
async fn talk<W: Wire>(
    session: &mut Session<W>,
    envelope: Envelope<'_>,
    message: &[u8],
    may_leave: impl FnOnce() -> bool + Send,
    stop: &CancellationToken,
) -> Option<Outcome> {
    let left = OnceLock::new();
    let before_dot = || *left.get_or_init(may_leave);
    let mut talk = std::pin::pin!(session.send_marking(envelope, message, before_dot));
    // The talk first: what it has to say counts more than our hurry.
    tokio::select! {
        biased;
        outcome = &mut talk => return (left.get() != Some(&false)).then_some(outcome),
        () = hurry(stop) => {}
    }
    match left.get() {
        Some(true) => Some(talk.await),
        _ => None,
    }
}

/// Ends when the engine stops and its last letters have had their time.
async fn hurry(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(LAST_LETTERS).await;
}

/// A host that closed the warm connection between two letters: the letter deserves a fresh one before it counts.
fn hung_up_while_idle(outcome: &Outcome) -> bool {
    let at_first_command = matches!(&outcome.evidence, Evidence::Broken(trouble)
        if trouble.stage == Stage::MailFrom
            && matches!(trouble.kind, TroubleKind::Closed | TroubleKind::Io));
    outcome.warm && at_first_command
}

fn record<W: World>(connection: &Connection<'_, W>, ready: &Ready<'_>) -> AttemptRecord {
    AttemptRecord {
        prepare: ready.prepare,
        size_bytes: ready.signed.bytes().len(),
        ..connection.site.unspoken()
    }
}
