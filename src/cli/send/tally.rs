//! What became of the letters of one file, while it is read and at the end.
//!
//! Owns the counts, the progress bar and the lines about single letters. Promises: a million bad lines do not bury the
//! summary; the bar shows only on a terminal.

use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::super::{
    out::{Out, say},
    words::{count, plain},
};
use crate::{http::AnswerBody, store::Answer};

/// Letters named one by one; more than that is a pattern, which `--json` shows.
const NAMED_MAX: u64 = 20;
const REFRESH: Duration = Duration::from_millis(250);

/// The counts.
pub(super) struct Tally {
    accepted: u64,
    duplicate: u64,
    suppressed: u64,
    conflict: u64,
    invalid: u64,
    flawed: u64,
    line: u64,
    bar: ProgressBar,
    begun: Instant,
    shown: Instant,
}

impl Tally {
    /// For a file of that length, or one whose length nobody knows.
    pub(super) fn new(octets: Option<u64>) -> Self {
        let target = ProgressDrawTarget::stderr();
        let (bar, form) = match octets {
            Some(octets) => (
                ProgressBar::with_draw_target(Some(octets), target),
                "{bar:32} {percent:>3}%  {elapsed}  {msg}",
            ),
            None => (
                ProgressBar::with_draw_target(None, target),
                "{spinner} {elapsed}  {msg}",
            ),
        };
        // The form is a constant; if it were wrong, the usual one would do.
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        let begun = Instant::now();
        Self {
            accepted: 0,
            duplicate: 0,
            suppressed: 0,
            conflict: 0,
            invalid: 0,
            flawed: 0,
            line: 0,
            bar,
            begun,
            shown: begun,
        }
    }

    /// Counts one line's answer, and tells it where somebody wants to know.
    pub(super) fn tell(
        &mut self,
        line: u64,
        answer: Answer,
        flaws: Vec<&'static str>,
        out: &mut Out,
    ) -> Result<()> {
        self.line = line;
        self.flawed += u64::from(!flaws.is_empty());
        let fault = self.count(&answer);
        if out.is_json() {
            let mut body = AnswerBody::from(answer).with_flaws(flaws);
            body.line = Some(line);
            return out.json(&body);
        }
        if !flaws.is_empty() && self.flawed <= NAMED_MAX {
            self.say(&format!(
                "line {line}: goes with flaws: {}",
                flaws.join(", ")
            ));
        }
        match fault {
            Some(why) if self.bad() <= NAMED_MAX => self.say(&format!("line {line}: {why}")),
            Some(_) if self.bad() == NAMED_MAX + 1 => {
                self.say("Further bad lines are only counted; --json names them all.");
            }
            _ => {}
        }
        Ok(())
    }

    /// Counts; what is wrong, where something is.
    fn count(&mut self, answer: &Answer) -> Option<String> {
        let counter = match answer {
            Answer::Accepted(_) => &mut self.accepted,
            Answer::Duplicate(_) => &mut self.duplicate,
            Answer::Suppressed { .. } => &mut self.suppressed,
            Answer::Conflict { .. } => &mut self.conflict,
            Answer::Invalid { .. } => &mut self.invalid,
        };
        *counter += 1;
        match answer {
            Answer::Invalid { field, why } if field.is_empty() => Some(plain(why)),
            Answer::Invalid { field, why } => Some(plain(&format!("{field}: {why}"))),
            Answer::Conflict { id, why } => Some(format!("{why}, as letter {id}")),
            _ => None,
        }
    }

    /// Moves the bar.
    pub(super) fn read_up_to(&mut self, octets: u64) {
        if self.shown.elapsed() >= REFRESH {
            self.shown = Instant::now();
            self.bar.set_position(octets);
            self.bar.set_message(self.words());
        }
    }

    /// The last words.
    pub(super) fn finish(&mut self, out: &mut Out) -> Result<()> {
        self.bar.finish_and_clear();
        if out.is_json() {
            say(self.words());
            return Ok(());
        }
        out.line(self.words())
    }

    /// The last words when somebody pressed Ctrl-C.
    pub(super) fn interrupted(&mut self, out: &mut Out) -> Result<()> {
        self.finish(out)?;
        say(format!(
            "Stopped after line {}: what is accepted stays in the queue; later lines were not sent.",
            self.line
        ));
        Ok(())
    }

    /// Whether every line is a letter that is, or was, taken or rightly held back.
    pub(super) const fn is_fine(&self) -> bool {
        self.bad() == 0
    }

    const fn bad(&self) -> u64 {
        self.invalid + self.conflict
    }

    const fn total(&self) -> u64 {
        self.accepted + self.duplicate + self.suppressed + self.bad()
    }

    fn words(&self) -> String {
        let seconds = self.begun.elapsed().as_secs_f64();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rate for people needs no more than 52 bits"
        )]
        let rate = self.total() as f64 / seconds.max(0.001);
        let total = format!("{}, {rate:.0}/s", count(self.total(), "letter"));
        let parts = [
            (self.accepted, "accepted"),
            (self.duplicate, "duplicate"),
            (self.suppressed, "suppressed"),
            (self.conflict, "conflict"),
            (self.invalid, "invalid"),
            (self.flawed, "with flaws"),
        ];
        let seen = parts.into_iter().filter(|(number, _)| *number > 0);
        let words = seen.map(|(number, name)| format!("{number} {name}"));
        [total]
            .into_iter()
            .chain(words)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Says a line without tearing the bar.
    fn say(&self, text: &str) {
        self.bar.suspend(|| say(text));
    }
}
