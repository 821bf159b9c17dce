//! Leases as many letters as there is room for and hands them on.
//!
//! Owns the beat of the engine. Promises: never more letters in flight than the ledger allows; when letters wait and
//! there is room, they are leased at once; when none wait, the store is asked at most every [`QUIET`] or when somebody
//! enqueues. After `stop` no lease is taken and every letter not yet handed to a receiver goes back untouched.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::error;
use uuid::Uuid;

use super::{crew::Crew, dispatch::Dispatch, keeper::give_back_lost, ledger::End};
use crate::port::{
    Clock, Cursor, Dice, Journal, Lane, LaneRoom, LeaseAsk, LeaseId, Leased, LeasedLetter, Store,
    URGENT, Watch, World,
};

/// How long a quiet engine sleeps without a call from the store.
const QUIET: Duration = Duration::from_secs(1);

/// The pause between two looks while letters are on the way: the lanes that were full may have room again.
const BUSY: Duration = Duration::from_millis(15);

/// The longest such pause, while nothing that waits may go: the others are not kept waiting for longer.
const BUSY_MAX: Duration = Duration::from_millis(100);

/// How often letters that wait without a connection are looked after.
const TEND: Duration = Duration::from_secs(1);

/// This part of the ledger is kept for urgent letters.
const URGENT_PART: usize = 16;

/// How often urgent letters are asked for alone.
const URGENT_ROUND: Duration = Duration::from_millis(50);

/// The least urgent priority there is.
const PRIORITY_MAX: u8 = 9;

/// The pause after the store failed to answer.
const TROUBLE: Duration = Duration::from_secs(1);

/// A lease is asked for only when this part of the ledger is free: small leases cost as much as large ones.
const ROOM_WORTH_A_LEASE: usize = 8;

/// No lease is larger: beyond it one statement holds row locks for too long.
const LEASE_MAX: usize = 1_000;

/// No lease fills more than this part of the ledger, so that one site can never get so much by a single lease that
/// letters have to go back.
const LEASE_PART: usize = 4;

/// When the runner may ask again.
enum Next {
    /// At once: more letters wait and there is room.
    Now,
    /// When letters have left: there is no room.
    WhenFreed,
    /// A moment later: lanes that were full may have room again.
    Soon(Duration),
    /// When somebody enqueues, or this much later.
    WhenCalled(Duration),
}

/// What one beat leaves to the next.
struct Pulse {
    /// Where the last look at the lanes ended.
    resume: Option<Cursor>,
    /// The store did not answer the last lease.
    in_trouble: bool,
    /// Octets of a letter, as the last leases brought them.
    letter_octets: usize,
    /// Leases in a row that brought nothing although letters wait.
    idle: u32,
    /// When stuck letters were last looked after.
    tended: Instant,
    /// When urgent letters were last asked for alone.
    asked_for_urgent: Instant,
}

/// Leases and dispatches until told to stop, then drains.
pub(super) async fn run<W: World>(crew: &Arc<Crew<W>>, stop: &CancellationToken) {
    let mut dispatch = Dispatch::new(Arc::clone(crew));
    let mut pulse = Pulse {
        resume: None,
        in_trouble: false,
        letter_octets: 1,
        idle: 0,
        tended: Instant::now(),
        asked_for_urgent: Instant::now(),
    };
    while !stop.is_cancelled() {
        let next = beat(crew, &mut dispatch, &mut pulse).await;
        pause(crew, &mut dispatch, next, stop).await;
        if pulse.tended.elapsed() >= TEND {
            pulse.tended = Instant::now();
            dispatch.tend();
        }
    }
    dispatch.drain().await;
}

async fn beat<W: World>(
    crew: &Arc<Crew<W>>,
    dispatch: &mut Dispatch<W>,
    pulse: &mut Pulse,
) -> Next {
    if !crew.holds.are_known() {
        return Next::Soon(BUSY);
    }
    let limits = &crew.desk.limits;
    let octets = limits.in_flight_octets.saturating_sub(crew.ledger.octets());
    if octets < limits.in_flight_octets / ROOM_WORTH_A_LEASE {
        return Next::WhenFreed;
    }
    let Some((want, priority_max)) = pulse.wish(limits.in_flight, crew.ledger.free()) else {
        return Next::WhenFreed;
    };
    let (store, clock) = (crew.world.store(), crew.world.clock());
    if pulse.in_trouble && !give_back_lost(store, clock, &crew.ledger).await {
        return Next::WhenCalled(TROUBLE);
    }
    let want = want.min(octets / pulse.letter_octets + 1);
    let resume = if priority_max == PRIORITY_MAX {
        pulse.resume.take()
    } else {
        None
    };
    let leased = lease(crew, (want, priority_max), octets, resume).await;
    pulse.in_trouble = leased.is_err();
    match leased {
        Ok(leased) => {
            let got = leased.letters.len();
            pulse.weigh(&leased.letters);
            dispatch.take(leased.letters);
            if priority_max < PRIORITY_MAX {
                return Next::WhenFreed;
            }
            pulse.resume = leased.resume;
            pulse.after_lease(got, want, crew.ledger.is_empty())
        }
        Err(()) => Next::WhenCalled(TROUBLE),
    }
}

impl Pulse {
    /// How many letters to ask for, and down to which priority. A part of the ledger is kept for the urgent ones, which are
    /// asked for when there is no room for others, but not at every turn.
    fn wish(&mut self, in_flight: usize, free: usize) -> Option<(usize, u8)> {
        let most = LEASE_MAX.min((in_flight / LEASE_PART).max(1));
        let for_all = free.saturating_sub(in_flight / URGENT_PART);
        if for_all >= (in_flight / ROOM_WORTH_A_LEASE).max(1) {
            return Some((for_all.min(most), PRIORITY_MAX));
        }
        let is_due = self.asked_for_urgent.elapsed() >= URGENT_ROUND;
        (free > 0 && is_due).then(|| {
            self.asked_for_urgent = Instant::now();
            (free.min(most), URGENT)
        })
    }

    /// When to ask again.
    fn after_lease(&mut self, got: usize, want: usize, is_empty: bool) -> Next {
        if got > 0 {
            self.idle = 0;
            if got >= want || self.resume.is_some() {
                return Next::Now;
            }
        } else if matches!(self.resume, Some(Cursor::Within(..))) {
            // The rest of this walk over the lanes; it has an end, and then one waits.
            return Next::Now;
        } else if is_empty && self.resume.is_none() {
            return Next::WhenCalled(QUIET);
        }
        self.idle = self.idle.saturating_add(1);
        Next::Soon((BUSY * (1 << self.idle.min(4))).min(BUSY_MAX))
    }

    /// Large letters are believed at once, small ones by and by: what comes too large goes back and was read in vain.
    fn weigh(&mut self, letters: &[LeasedLetter]) {
        let octets = letters
            .iter()
            .filter_map(|leased| leased.letter.as_ref().ok());
        let octets: usize = octets.map(|letter| letter.octets()).sum();
        if !letters.is_empty() {
            self.letter_octets = (octets / letters.len()).max(self.letter_octets / 2).max(1);
        }
    }
}

async fn lease<W: World>(
    crew: &Arc<Crew<W>>,
    (want, priority_max): (usize, u8),
    octets: usize,
    after: Option<Cursor>,
) -> Result<Leased, ()> {
    let now = crew.world.clock().now();
    let (id, until) = (
        lease_id(crew.world.as_ref()),
        now.plus(crew.desk.limits.lease),
    );
    // Before the question: if we die now, whoever comes after us gives back what it brought.
    crew.ledger.ask(id);
    if let Err(trouble) = crew.world.journal().asked(id) {
        error!(error = ?trouble, "No letters are leased while this cannot be noted");
        crew.ledger.unask(id);
        // Perhaps it is the journal itself that takes the room.
        let _ = crew.world.journal().shorten(&crew.ledger.leases());
        return Err(());
    }
    let paced = crew.pace.room(crew.ledger.per_lane(), crew.moment());
    let ask = LeaseAsk {
        lease: id,
        now,
        until,
        max: u32::try_from(want).unwrap_or(u32::MAX),
        octets: octets as u64,
        per_lane: crew.ledger.per_lane(),
        room: together(crew.ledger.room(now), &paced),
        priority_max,
        after,
    };
    let went_on = matches!(after, Some(Cursor::Within(..)));
    // Before the question: a suppression that commits while it is answered may be missing in the answer.
    let heard = crew.ledger.heard();
    let begun = Instant::now();
    let leased = crew.world.store().lease(ask).await.map_err(|trouble| {
        error!(error = ?trouble, "Could not lease letters");
        // It may have come into being at any time until now, which may be long after the question.
        crew.ledger
            .lose(id, Instant::now() + crew.desk.limits.lease);
    })?;
    let end = End {
        at: until,
        deadline: begun + crew.desk.limits.lease,
    };
    crew.ledger.enter(id, &leased.letters, end, heard);
    let lanes: HashSet<Lane> = leased.letters.iter().map(|letter| letter.lane).collect();
    let were_all_asked = leased.resume.is_none() && !went_on && priority_max == PRIORITY_MAX;
    crew.pace
        .gave(&paced, |lane| lanes.contains(&lane), were_all_asked);
    crew.world
        .watch()
        .leased(leased.letters.len(), begun.elapsed());
    crew.world.watch().in_flight(crew.ledger.len());
    Ok(leased)
}

/// What each lane may give, by the ledger and by the pace.
fn together(held: Vec<(Lane, u32)>, paced: &[(Lane, LaneRoom)]) -> Vec<(Lane, LaneRoom)> {
    let held = held
        .into_iter()
        .map(|(lane, room)| (lane, LaneRoom::both(room)));
    let mut rooms: BTreeMap<Lane, LaneRoom> = held.collect();
    for (lane, room) in paced {
        let known = rooms.entry(*lane).or_insert(*room);
        *known = known.and(*room);
    }
    rooms.into_iter().collect()
}

/// A name for one claim: unique because 64 bits of dice stand behind the microsecond.
pub(super) fn lease_id<W: World>(world: &W) -> LeaseId {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a roll is in 0..1"
    )]
    let roll = || (world.dice().roll() * 2_f64.powi(32)) as u32;
    let micros = u64::try_from(world.clock().now().micros()).unwrap_or(0);
    LeaseId(Uuid::from_u64_pair(
        micros,
        (u64::from(roll()) << 32) | u64::from(roll()),
    ))
}

/// Waits for the reason to ask again, serving finished tasks meanwhile.
async fn pause<W: World>(
    crew: &Arc<Crew<W>>,
    dispatch: &mut Dispatch<W>,
    next: Next,
    stop: &CancellationToken,
) {
    dispatch.serve_finished();
    let reason = async {
        match next {
            Next::Now => {}
            Next::WhenFreed => {
                let _ = tokio::time::timeout(BUSY_MAX, crew.ledger.freed()).await;
            }
            Next::Soon(patience) => {
                tokio::time::sleep(BUSY).await;
                let more = patience.saturating_sub(BUSY);
                let _ = tokio::time::timeout(more, crew.ledger.freed()).await;
            }
            Next::WhenCalled(patience) => crew.world.store().wait_for_work(patience).await,
        }
    };
    let mut reason = std::pin::pin!(reason);
    // Stop first; then the reason, so that finished tasks cannot keep it waiting for ever.
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = &mut reason => return,
            () = dispatch.finished() => {}
        }
    }
}
