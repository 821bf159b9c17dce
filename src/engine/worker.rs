//! One worker's life: it takes its site's letters one after another until none comes or it is not let in.
//!
//! Owns what a failure means for the letters that wait. Promises: every letter taken is judged, put back or given back; a
//! panic inside one letter defers that letter and hurts no other; a panic anywhere else lets go of the letters in hand, so
//! that they come back; after `stop` no further letter is taken. What happens to a single letter is `deliver`'s sentence,
//! the opening is `connection`'s.

use std::{panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::error;

use super::{
    connection::{Connection, Unsaid},
    crew::Crew,
    deliver::deliver,
    grip::Grip,
    pace::LOOK,
    prepare::{Pass, Prepare},
    site::Site,
};
use crate::{
    mail::{Evidence, Stage, Trouble, TroubleKind},
    port::{Clock, LeasedLetter, World},
};

/// What became of one letter's turn.
enum Turn {
    /// It was judged, given back, or is no longer ours; the next may come.
    Over,
    /// Nobody let us in, but other connections work: it waits for one of them.
    PutBack,
    /// It was given back, and this connection is one too many.
    Leave,
    /// Nobody answers at this site.
    Dead(Evidence),
}

/// A letter in hand.
type Gripped<'a> = (Grip<'a>, LeasedLetter);

/// Serves a site's letters until none comes in time; `true` when it was not let in while others were.
pub(super) async fn serve<W: World>(crew: &Arc<Crew<W>>, site: &Site) -> bool {
    let mut connection = Connection::new(crew, site);
    while let Some((letter, pass)) = next(&mut connection).await {
        let grip = Grip::new(&crew.ledger, &letter);
        let turn = AssertUnwindSafe(turn(&mut connection, &letter, pass));
        match turn.catch_unwind().await {
            Ok(Turn::Over) => {}
            Ok(Turn::Leave) => {
                grip.pass();
                break;
            }
            Ok(Turn::PutBack) => {
                grip.pass();
                site.put_back(letter);
                return true;
            }
            Ok(Turn::Dead(evidence)) => {
                give_up(crew, site, (grip, letter), &evidence);
                break;
            }
            Err(_) => survive(&mut connection, &letter),
        }
        grip.pass();
    }
    connection.hang_up().await;
    false
}

/// The next letter of the site and a pass to prepare it, unless the engine stops; a session that has carried its share is
/// closed first.
async fn next<'a, W: World>(
    connection: &mut Connection<'a, W>,
) -> Option<(LeasedLetter, Pass<'a>)> {
    let (crew, site) = (connection.crew, connection.site);
    let limits = &crew.desk.limits;
    let carries = site
        .path
        .letters_per_connection(limits.letters_per_connection);
    if connection.carried().unwrap_or(0) as usize >= carries {
        connection.hang_up().await;
    }
    // Without a session there is nothing to keep warm.
    let patience = match connection.carried() {
        Some(_) => limits.keep_warm,
        None => Duration::ZERO,
    };
    let next = within(crew, site, patience);
    let letter = crew.stop.run_until_cancelled(next).await.flatten()?;
    passed(crew, site, letter).await
}

/// The letter with a pass to prepare it. When the engine stops first, the letter goes back into the line.
async fn passed<'a, W: World>(
    crew: &'a Crew<W>,
    site: &Site,
    mut letter: LeasedLetter,
) -> Option<(LeasedLetter, Pass<'a>)> {
    let pass = pass(&crew.prepare, site, &mut letter);
    let pass = crew.stop.run_until_cancelled(pass).await;
    if let Some(pass) = pass {
        Some((letter, pass))
    } else {
        site.put_back(letter);
        None
    }
}

/// Waits for a pass; an urgent letter of the site that comes meanwhile goes first.
async fn pass<'a>(prepare: &'a Prepare, site: &Site, letter: &mut LeasedLetter) -> Pass<'a> {
    let mut usual = pin!(prepare.pass(false));
    while !letter.is_urgent() {
        tokio::select! {
            biased;
            pass = &mut usual => {
                site.let_urgent_first(letter);
                return pass;
            }
            () = site.urgent_waits() => site.let_urgent_first(letter),
        }
    }
    prepare.pass(true).await
}

/// The next letter within that time, unless this connection is one too many: another node has joined, or the governor wants
/// fewer.
async fn within<W: World>(crew: &Crew<W>, site: &Site, patience: Duration) -> Option<LeasedLetter> {
    let until = Instant::now() + patience;
    loop {
        if site.path.must_leave(crew.moment()) {
            return None;
        }
        let left = until.saturating_duration_since(Instant::now());
        let next = site.next(left.min(LOOK)).await;
        if next.is_some() || left <= LOOK {
            return next;
        }
    }
}

async fn turn<W: World>(
    connection: &mut Connection<'_, W>,
    letter: &LeasedLetter,
    pass: Pass<'_>,
) -> Turn {
    let (crew, site) = (connection.crew, connection.site);
    match deliver(connection, letter, pass).await {
        Ok((evidence, record)) => {
            let talk = record.as_ref().map_or(Duration::ZERO, |record| record.talk);
            let provider = site.way.provider();
            crew.hear(&site.path, provider, &evidence, talk, letter.attempts);
            crew.judge(letter, &evidence, record);
        }
        Err(Unsaid::NotLetIn(evidence)) => {
            let provider = site.way.provider();
            crew.hear(
                &site.path,
                provider,
                &evidence,
                Duration::ZERO,
                letter.attempts,
            );
            if site.sessions() > 0 {
                return Turn::PutBack;
            }
            return Turn::Dead(evidence);
        }
        Err(Unsaid::Aside(aside)) => crew.holds.park(letter, aside),
        Err(Unsaid::Lost) => crew.ledger.leave([(letter.lease, letter.id())]),
        Err(Unsaid::GiveBack) => crew.give_back(std::slice::from_ref(letter)),
        Err(Unsaid::OneTooMany) => {
            crew.give_back(std::slice::from_ref(letter));
            return Turn::Leave;
        }
    }
    Turn::Over
}

/// Nobody answers: every letter that waits here shares the fate of the first, and the site is left alone a while.
fn give_up<W: World>(crew: &Crew<W>, site: &Site, first: Gripped<'_>, evidence: &Evidence) {
    let waiting = site.take_all().into_iter();
    let waiting = waiting.map(|letter| (Grip::new(&crew.ledger, &letter), letter));
    // Every letter is in a grip before the first is judged.
    let letters: Vec<Gripped<'_>> = std::iter::once(first).chain(waiting).collect();
    let now = crew.world.clock().now();
    let until = now.plus(crew.desk.limits.dead_site_pause);
    for (grip, letter) in letters {
        crew.ledger.pause(letter.lane, until);
        crew.judge(&letter, evidence, Some(site.unspoken()));
        grip.pass();
    }
}

/// A panic is our own fault, so the letter comes back later, or is in doubt if it may have arrived; the session is in an
/// unknown state and is dropped.
fn survive<W: World>(connection: &mut Connection<'_, W>, letter: &LeasedLetter) {
    error!(letter.id = %letter.id(), "A letter made its worker panic; it comes back later");
    connection.abandon();
    let what = "an internal fault of ours";
    let trouble = |stage| Trouble::new(stage, TroubleKind::Io, what);
    let evidence = if connection.crew.ledger.is_gone(letter) {
        Evidence::LostReply(trouble(Stage::FinalDot))
    } else {
        Evidence::Broken(trouble(Stage::Connect))
    };
    connection.crew.judge(letter, &evidence, None);
}
