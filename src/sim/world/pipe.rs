//! A connection in memory, with the hardships of a real one.
//!
//! Owns [`pipe`] and its two ends. Promises: octets arrive in order, never before their time, never twice; what a write
//! took may be lost on the way, as in TCP, and what it did not take never left. Leaves who calls whom to `dial`.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// Octets on their way in one direction before a write has to wait, as in a small socket buffer.
const ROOM: usize = 16 * 1_024;

/// What one direction is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// From a write to its reading.
    pub(super) latency: Duration,
    /// Most octets that one write takes, and that arrive together.
    pub(super) piece_max: usize,
    /// Between two pieces.
    pub(super) drip: Duration,
    /// What becomes of it.
    pub(super) fate: Option<Fate>,
}

/// What becomes of a direction after so many octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The connection breaks, and the writer learns it at once: nothing beyond was taken.
    Refuse(u64),
    /// The connection breaks on the way: the writer goes on for a while, and what it writes is lost.
    Lose(u64),
    /// Both directions fall silent for ever, and nobody is told.
    Mute(u64),
}

/// Both ends of a new connection: what `there` says how octets go from the first to the second, `back` the other way.
pub(super) fn pipe(there: Manner, back: Manner) -> (End, End) {
    let cable = Arc::new(Mutex::new(Cable {
        ways: [Way::new(there), Way::new(back)],
        broken_at: None,
        is_mute: false,
    }));
    let end = |side| End {
        cable: Arc::clone(&cable),
        side,
        sleep: None,
    };
    (end(0), end(1))
}

#[derive(Debug)]
struct Cable {
    /// By the side that writes.
    ways: [Way; 2],
    broken_at: Option<Instant>,
    is_mute: bool,
}

#[derive(Debug)]
struct Way {
    manner: Manner,
    pieces: VecDeque<Piece>,
    waiting: usize,
    taken: u64,
    last_at: Option<Instant>,
    /// The writer has gone, and its reader sees that from then on.
    gone_at: Option<Instant>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug)]
struct Piece {
    at: Instant,
    octets: VecDeque<u8>,
}

impl Way {
    const fn new(manner: Manner) -> Self {
        Self {
            manner,
            pieces: VecDeque::new(),
            waiting: 0,
            taken: 0,
            last_at: None,
            gone_at: None,
            reader: None,
            writer: None,
        }
    }

    fn arrival(&self, now: Instant) -> Instant {
        let earliest = now + self.manner.latency;
        self.last_at
            .map_or(earliest, |last| earliest.max(last + self.manner.drip))
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()] {
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

impl Cable {
    fn is_broken(&self, now: Instant) -> bool {
        self.broken_at.is_some_and(|at| at <= now)
    }

    fn break_at(&mut self, at: Instant) {
        self.broken_at = Some(self.broken_at.map_or(at, |known| known.min(at)));
        self.ways.iter_mut().for_each(Way::wake);
    }

    /// Takes octets from a writer; how many, or why none.
    fn take(&mut self, side: usize, octets: &[u8], now: Instant) -> io::Result<usize> {
        let reader_gone_at = self.ways[1 - side].gone_at;
        let way = &mut self.ways[side];
        let wanted = octets
            .len()
            .min(way.manner.piece_max)
            .min(ROOM - way.waiting);
        let left = |after: u64| usize::try_from(after.saturating_sub(way.taken)).unwrap_or(wanted);
        let (taken, arrives) = match way.manner.fate {
            None => (wanted, wanted),
            Some(Fate::Refuse(after)) if left(after) == 0 => {
                self.break_at(now);
                return Err(reset());
            }
            Some(Fate::Refuse(after)) => (wanted.min(left(after)), wanted.min(left(after))),
            Some(Fate::Lose(after) | Fate::Mute(after)) => (wanted, wanted.min(left(after))),
        };
        way.taken += taken as u64;
        let arrival = way.arrival(now);
        let is_lost = self.is_mute || reader_gone_at.is_some_and(|at| at <= arrival);
        if arrives > 0 && !is_lost {
            way.deliver(&octets[..arrives], arrival);
        }
        self.suffer(side, arrives < taken, reader_gone_at.is_some(), now);
        Ok(taken)
    }

    /// What a write brings about besides its octets.
    fn suffer(&mut self, side: usize, is_cut: bool, reader_is_gone: bool, now: Instant) {
        let latency = self.ways[side].manner.latency;
        match self.ways[side].manner.fate {
            Some(Fate::Mute(_)) if is_cut => self.is_mute = true,
            Some(Fate::Lose(_)) if is_cut => self.break_at(now + latency),
            // The host at the other end answers with a reset.
            _ if reader_is_gone && !self.is_mute => self.break_at(now + latency * 2),
            _ => {}
        }
    }

    /// Moves arrived octets to a reader. `Err(Some(when))` is when to look again.
    fn give(
        &mut self,
        side: usize,
        into: &mut ReadBuf<'_>,
        now: Instant,
    ) -> Result<io::Result<()>, Option<Instant>> {
        let broken_at = self.broken_at;
        let way = &mut self.ways[1 - side];
        if let Some(piece) = way.pieces.front_mut() {
            if piece.at > now {
                return Err(Some(piece.at));
            }
            let count = piece.octets.len().min(into.remaining());
            into.put_slice(&piece.octets.make_contiguous()[..count]);
            piece.octets.drain(..count);
            if piece.octets.is_empty() {
                way.pieces.pop_front();
            }
            way.waiting -= count;
            way.writer.take().into_iter().for_each(Waker::wake);
            return Ok(Ok(()));
        }
        match (broken_at, way.gone_at) {
            (Some(at), _) if at <= now => Ok(Err(reset())),
            (_, Some(at)) if at <= now => Ok(Ok(())),
            (broken, gone) => Err(broken.into_iter().chain(gone).min()),
        }
    }
}

impl Way {
    fn deliver(&mut self, octets: &[u8], at: Instant) {
        self.waiting += octets.len();
        self.last_at = Some(at);
        self.pieces.push_back(Piece {
            at,
            octets: octets.iter().copied().collect(),
        });
        self.reader.take().into_iter().for_each(Waker::wake);
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

/// One end.
#[derive(Debug)]
pub(super) struct End {
    cable: Arc<Mutex<Cable>>,
    side: usize,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl End {
    fn cable(&self) -> MutexGuard<'_, Cable> {
        self.cable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the task woken at that moment.
    fn wake_at(&mut self, at: Instant, context: &mut Context<'_>) {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        if sleep.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
    }

    /// Says no more; what is on its way still arrives.
    fn leave(&self) {
        let now = Instant::now();
        let mut cable = self.cable();
        let is_mute = cable.is_mute;
        let way = &mut cable.ways[self.side];
        if way.gone_at.is_none() && !is_mute {
            way.gone_at = Some(way.arrival(now));
        }
        way.wake();
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let now = Instant::now();
        let side = self.side;
        let given = self.cable().give(side, into, now);
        match given {
            Ok(read) => Poll::Ready(read),
            Err(again) => {
                self.cable().ways[1 - side].reader = Some(context.waker().clone());
                if let Some(at) = again {
                    self.wake_at(at, context);
                }
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let now = Instant::now();
        let mut cable = self.cable();
        if cable.is_broken(now) {
            return Poll::Ready(Err(reset()));
        }
        if cable.ways[self.side].waiting >= ROOM {
            cable.ways[self.side].writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(cable.take(self.side, octets, now))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.leave();
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.leave();
    }
}
