//! The least SMTP that a fast sender needs: counts letters without keeping a byte of them.
//!
//! Owns the state of one sink connection between two reads. Promises: any splitting of the bytes gives the same
//! replies; a connection keeps no letter and at most one command line. Leaves sockets and counters to `sink`.

use crate::smtp::ending::find_final_dot;

/// A command longer than this is not one.
const LINE_MAX: usize = 1_024;

/// What a sink does with a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Takes it.
    Accept,
    /// 451 at `RCPT TO`.
    Defer,
    /// 550 at `RCPT TO`.
    Bounce,
}

/// What the talk asks of the driver after some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Read more.
    Read,
    /// Start TLS; what else was sent is forgotten.
    StartTls,
    /// Close.
    Close,
}

/// Counts of one reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Letters taken.
    pub(super) accepted: u64,
    /// Recipients deferred.
    pub(super) deferred: u64,
    /// Recipients bounced.
    pub(super) bounced: u64,
}

/// One connection.
pub(super) struct SinkTalk {
    mode: Mode,
    offers_tls: bool,
    recipients: u32,
    /// The beginning of a command, or the last four bytes of a letter.
    rest: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Command,
    Letter,
}

impl SinkTalk {
    /// A talk whose greeting has been said.
    pub(super) const fn new(offers_tls: bool) -> Self {
        Self {
            mode: Mode::Command,
            offers_tls,
            recipients: 0,
            rest: Vec::new(),
        }
    }

    /// Reads bytes, appends replies, counts. `fate` is asked once per recipient.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        replies: &mut Vec<u8>,
        counts: &mut Counts,
        fate: impl Fn() -> Fate,
    ) -> Next {
        if self.rest.is_empty() {
            return self.read(bytes, replies, counts, &fate);
        }
        let taken = match self.mode {
            Mode::Letter => self.seam(bytes),
            Mode::Command => bytes
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(bytes.len(), |end| end + 1),
        };
        if taken == 0 {
            return self.read(bytes, replies, counts, &fate);
        }
        // Only what completes the left-over is copied.
        let mut joined = std::mem::take(&mut self.rest);
        joined.extend_from_slice(&bytes[..taken]);
        let next = self.read(&joined, replies, counts, &fate);
        if next != Next::Read || taken == bytes.len() {
            return next;
        }
        self.feed(&bytes[taken..], replies, counts, fate)
    }

    /// How many bytes to join to the last ones of the letter: up to its final dot if that lies across the border.
    fn seam(&mut self, bytes: &[u8]) -> usize {
        let near = &bytes[..bytes.len().min(4)];
        let border = [&self.rest, near].concat();
        let before = self.rest.len();
        match find_final_dot(&border, 0) {
            Some(end) => end + 5 - before,
            None if near.len() < 4 => near.len(),
            None => {
                // The final dot, if here, lies whole in the new bytes.
                self.rest.clear();
                0
            }
        }
    }

    fn read(
        &mut self,
        mut bytes: &[u8],
        replies: &mut Vec<u8>,
        counts: &mut Counts,
        fate: &impl Fn() -> Fate,
    ) -> Next {
        loop {
            let taken = match self.mode {
                Mode::Letter => self.letter(bytes, replies, counts),
                Mode::Command => {
                    let end = bytes.iter().take(LINE_MAX).position(|byte| *byte == b'\n');
                    if end.is_none() && bytes.len() >= LINE_MAX {
                        return Next::Close;
                    }
                    let next = end.map(|end| self.command(&bytes[..end], replies, counts, fate));
                    if let Some(next @ (Next::StartTls | Next::Close)) = next {
                        return next;
                    }
                    end.map(|end| self.line_taken(&bytes[..=end]))
                }
            };
            let Some(taken) = taken else {
                self.keep(bytes);
                return Next::Read;
            };
            bytes = &bytes[taken..];
        }
    }

    /// How many bytes of a command line are done with. The final dot of an empty letter has its CR LF from the line
    /// that opened it.
    const fn line_taken(&self, line: &[u8]) -> usize {
        match (self.mode, line) {
            (Mode::Letter, [.., b'\r', b'\n']) => line.len() - 2,
            _ => line.len(),
        }
    }

    /// How many bytes end the letter, if they do. The CR LF of the line before belongs to the search.
    fn letter(
        &mut self,
        bytes: &[u8],
        replies: &mut Vec<u8>,
        counts: &mut Counts,
    ) -> Option<usize> {
        let end = find_final_dot(bytes, 0)?;
        self.mode = Mode::Command;
        self.recipients = 0;
        counts.accepted += 1;
        replies.extend_from_slice(b"250 2.0.0 Ok\r\n");
        Some(end + 5)
    }

    fn keep(&mut self, bytes: &[u8]) {
        let start = match self.mode {
            Mode::Command => 0,
            Mode::Letter => bytes.len().saturating_sub(4),
        };
        self.rest.extend_from_slice(&bytes[start..]);
    }

    fn command(
        &mut self,
        line: &[u8],
        replies: &mut Vec<u8>,
        counts: &mut Counts,
        fate: impl Fn() -> Fate,
    ) -> Next {
        let mut verb = [0; 4];
        let known = line.get(..4).unwrap_or_default();
        verb[..known.len()].copy_from_slice(known);
        verb.make_ascii_uppercase();
        let reply: &[u8] = match &verb {
            b"MAIL" => b"250 2.1.0 Ok\r\n",
            b"RCPT" => self.recipient(counts, fate()),
            b"DATA" if self.recipients == 0 => b"503 5.5.1 No valid recipients\r\n",
            b"DATA" => {
                self.mode = Mode::Letter;
                b"354 Go ahead\r\n"
            }
            b"EHLO" if self.offers_tls => {
                b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-STARTTLS\r\n250 SIZE 104857600\r\n"
            }
            b"EHLO" => {
                b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 104857600\r\n"
            }
            b"HELO" | b"NOOP" => b"250 2.0.0 Ok\r\n",
            b"RSET" => {
                self.recipients = 0;
                b"250 2.0.0 Ok\r\n"
            }
            b"STAR" if self.offers_tls => {
                replies.extend_from_slice(b"220 2.0.0 Ready\r\n");
                return Next::StartTls;
            }
            b"QUIT" => {
                replies.extend_from_slice(b"221 2.0.0 Bye\r\n");
                return Next::Close;
            }
            _ => b"502 5.5.1 Not here\r\n",
        };
        replies.extend_from_slice(reply);
        Next::Read
    }

    fn recipient(&mut self, counts: &mut Counts, fate: Fate) -> &'static [u8] {
        match fate {
            Fate::Accept => {
                self.recipients += 1;
                b"250 2.1.5 Ok\r\n"
            }
            Fate::Defer => {
                counts.deferred += 1;
                b"451 4.7.1 Try again later\r\n"
            }
            Fate::Bounce => {
                counts.bounced += 1;
                b"550 5.1.1 User unknown\r\n"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn talk(pieces: &[&[u8]], fate: Fate) -> (String, Counts, Next) {
        let mut talk = SinkTalk::new(true);
        let (mut replies, mut counts, mut next) = (Vec::new(), Counts::default(), Next::Read);
        for piece in pieces {
            if next == Next::Read {
                next = talk.feed(piece, &mut replies, &mut counts, || fate);
            }
        }
        let codes = String::from_utf8(replies).unwrap();
        let codes = codes.lines().map(|line| &line[..4]).collect();
        (codes, counts, next)
    }

    const TWO: &[u8] = b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nhi\r\n..\r\n.\r\n\
                         mail from:<a>\r\nRCPT TO:<b>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n";

    #[test]
    fn pipelined_letters_are_counted_one_by_one() {
        let (codes, counts, next) = talk(&[TWO], Fate::Accept);
        assert_eq!(codes, "250 250 354 250 250 250 354 250 221 ");
        assert_eq!(counts.accepted, 2);
        assert_eq!(next, Next::Close);
    }

    #[test]
    fn a_refused_recipient_brings_no_letter() {
        let refused = b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nRSET\r\n";
        let (codes, counts, _) = talk(&[refused], Fate::Bounce);
        assert_eq!(codes, "250 550 503 250 ");
        assert_eq!((counts.accepted, counts.bounced), (0, 1));
    }

    #[test]
    fn an_empty_letter_ends_too_and_an_endless_line_ends_the_talk() {
        let empty = b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n.\r\nNOOP\r\n";
        assert_eq!(talk(&[empty], Fate::Accept).0, "250 250 354 250 250 ");
        assert_eq!(talk(&[&[b'A'; 2_000]], Fate::Accept).2, Next::Close);
    }

    proptest! {
        #[test]
        fn any_splitting_of_the_bytes_gives_the_same_replies(cuts in proptest::collection::vec(0..TWO.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut start = 0;
            for cut in cuts.into_iter().chain([TWO.len()]) {
                pieces.push(&TWO[start..cut]);
                start = cut;
            }
            prop_assert_eq!(talk(&pieces, Fate::Accept), talk(&[TWO], Fate::Accept));
        }
    }
}
