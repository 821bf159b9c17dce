//! A stream of letters in, a stream of answers out, in the same order.
//!
//! Owns the pace. Promises: the body is read only as fast as answers are taken, a batch at a time, so memory is bounded by
//! [`BATCH_OCTETS`] and one line; a line that is no letter costs only itself; a stream that cannot go on ends with one
//! line of status `error` that says from which line on nothing was answered.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, BodyDataStream, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::{
    Door,
    answer::Answer,
    intake::{self, Given},
    lines::{Line, Lines},
    problem,
    room::Place,
};

/// A batch is full when it holds so much, one line more at most.
const BATCH_OCTETS: usize = 1 << 20;

/// How long a batch that is not full waits for more: one commit for many letters is worth it, one letter's delay not more.
const LINGER: Duration = Duration::from_millis(5);

/// One request's stream.
struct Flow {
    door: Door,
    body: BodyDataStream,
    lines: Lines,
    /// The stream goes on after the current batch.
    goes_on: bool,
    /// The first line that is not answered.
    next_line: u64,
    _place: Place,
}

/// Letters to be enqueued together.
#[derive(Default)]
struct Batch {
    numbers: Vec<u64>,
    given: Vec<Given>,
    octets: usize,
    end: Option<End>,
}

/// Why no more lines come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The body is complete.
    Complete,
    /// The client hung up, or what it sent is no HTTP.
    Broken,
    /// The client was silent for too long.
    Silent,
    /// This server is being stopped.
    Stopping,
}

/// Something arrived, or not.
enum Arrival {
    Piece(Bytes),
    Nothing,
    End(End),
}

pub(super) fn answer(door: Door, place: Place, body: Body) -> Response {
    let flow = Flow {
        lines: Lines::new(door.limits.letter_octets as usize),
        body: body.into_data_stream(),
        goes_on: true,
        next_line: 1,
        door,
        _place: place,
    };
    let answers = stream::unfold(flow, |mut flow| async {
        let text = flow.step().await?;
        Some((Ok::<_, Infallible>(text), flow))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(answers)).into_response()
}

impl Flow {
    /// Reads, enqueues and answers one batch; `None` when the stream is over.
    async fn step(&mut self) -> Option<Bytes> {
        if !self.goes_on {
            return None;
        }
        let batch = self.gather().await;
        self.goes_on = batch.end.is_none();
        let words = batch.end.and_then(|end| self.words(end));
        let text = match intake::enqueue(&self.door, batch.given).await {
            Ok(answers) => self.tell(&batch.numbers, answers, words),
            Err(error) => {
                problem::log(&error);
                self.goes_on = false;
                self.tell(&[], Vec::new(), Some(DATABASE_AWAY.to_owned()))
            }
        };
        (!text.is_empty()).then_some(text)
    }

    /// Lines that have arrived, at least one unless the stream ends.
    async fn gather(&mut self) -> Batch {
        let mut batch = Batch::default();
        let mut until = None;
        while batch.end.is_none() && !self.is_full(&batch) {
            if let Some(line) = self.lines.cut() {
                batch.push(line, self.door.limits.letter_octets);
                until.get_or_insert_with(|| Instant::now() + LINGER);
                continue;
            }
            match self.arrival(until).await {
                Arrival::Piece(piece) => self.lines.push(piece),
                Arrival::Nothing => break,
                Arrival::End(end) => self.close(&mut batch, end),
            }
        }
        batch
    }

    fn is_full(&self, batch: &Batch) -> bool {
        batch.given.len() >= self.door.limits.batch || batch.octets >= BATCH_OCTETS
    }

    /// The next piece. With a batch begun, waiting ends soon and quietly.
    async fn arrival(&mut self, until: Option<Instant>) -> Arrival {
        let patience = until.unwrap_or_else(|| Instant::now() + self.door.limits.silence);
        tokio::select! {
            // First, because a client that always has more would keep a stopping server busy.
            biased;
            () = self.door.stop.cancelled() => Arrival::End(End::Stopping),
            piece = timeout_at(patience, self.body.next()) => match piece {
                Ok(Some(Ok(piece))) => Arrival::Piece(piece),
                Ok(Some(Err(_))) => Arrival::End(End::Broken),
                Ok(None) => Arrival::End(End::Complete),
                Err(_) if until.is_some() => Arrival::Nothing,
                Err(_) => Arrival::End(End::Silent),
            },
        }
    }

    /// Only a complete body may lack its last line end; elsewhere the last line may be half a letter.
    fn close(&mut self, batch: &mut Batch, end: End) {
        batch.end = Some(end);
        if end == End::Complete
            && let Some(line) = self.lines.finish()
        {
            batch.push(line, self.door.limits.letter_octets);
        }
    }

    fn words(&self, end: End) -> Option<String> {
        match end {
            End::Complete => None,
            End::Broken => Some("the body broke off".to_owned()),
            End::Silent => {
                let seconds = self.door.limits.silence.as_secs();
                Some(format!("nothing arrived for {seconds} seconds"))
            }
            End::Stopping => Some("the server is being stopped".to_owned()),
        }
    }

    /// Answers as lines, and the last word where the stream could not go on.
    fn tell(&mut self, numbers: &[u64], answers: Vec<Answer>, last_word: Option<String>) -> Bytes {
        let mut text = Vec::with_capacity(answers.len() * 96);
        for (number, mut answer) in numbers.iter().zip(answers) {
            answer.line = Some(*number);
            self.next_line = number + 1;
            write_line(&mut text, &answer);
        }
        if let Some(why) = last_word {
            write_line(&mut text, &Answer::error(self.next_line, &why));
        }
        text.into()
    }
}

const DATABASE_AWAY: &str =
    "the database does not answer; letters from this line on may or may not exist";

impl Batch {
    fn push(&mut self, line: Line, octets_max: u32) {
        self.numbers.push(line.number);
        self.given.push(match line.octets {
            // A copy, so that a line of a few octets does not keep the whole piece it came in.
            Ok(octets) => {
                self.octets += octets.len();
                intake::look(&octets)
            }
            Err(_) => Err(intake::too_long(octets_max)),
        });
    }
}

fn write_line(text: &mut Vec<u8>, answer: &Answer) {
    serde_json::to_writer(&mut *text, answer)
        .expect("numbers and texts always have a form in JSON, and memory takes any octets");
    text.push(b'\n');
}
