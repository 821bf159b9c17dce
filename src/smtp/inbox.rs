//! What the receiver says, cut into replies, whatever it says.
//!
//! Owns the limits on replies. Promises: one fixed buffer per session and at most [`REPLY_MAX`] octets of text; what
//! is not SMTP is `Garbage`, never a panic; octets after a reply wait for the next one, so replies may arrive glued or
//! in single octets. Leaves time limits to `talk`.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::mail::{Reply, Stage, Trouble, TroubleKind};

/// Longest line we read. RFC 5321 §4.5.3.1.5 allows 512 octets; hosts that put URLs into replies go past it.
const LINE_MAX: usize = 8_192;
/// Longest reply, over all its lines.
const REPLY_MAX: usize = 65_536;
/// Most lines of one reply; the longest EHLO answers have about thirty.
const LINES_MAX: usize = 512;

/// Octets that arrived and were not read yet.
pub(crate) struct Inbox {
    octets: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            octets: vec![0; LINE_MAX].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// Whether nothing waits that nobody asked for.
    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The next whole reply.
    pub(crate) async fn reply<R: AsyncRead + Unpin>(
        &mut self,
        wire: &mut R,
        stage: Stage,
    ) -> Result<Reply, Trouble> {
        let mut draft = Draft::default();
        loop {
            while let Some(line) = self.line() {
                let is_last = draft
                    .add(line)
                    .map_err(|what| Trouble::new(stage, TroubleKind::Garbage, what))?;
                if is_last {
                    return Ok(Reply::new(stage, draft.code, draft.text));
                }
            }
            self.fill(wire, stage).await?;
        }
    }

    /// The next whole line with its line end.
    fn line(&mut self) -> Option<&[u8]> {
        let waiting = &self.octets[self.start..self.end];
        let length = waiting.iter().position(|octet| *octet == b'\n')? + 1;
        let begin = self.start;
        self.start += length;
        Some(&self.octets[begin..begin + length])
    }

    /// Reads whatever is there, at least one octet.
    async fn fill<R: AsyncRead + Unpin>(
        &mut self,
        wire: &mut R,
        stage: Stage,
    ) -> Result<(), Trouble> {
        self.octets.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == LINE_MAX {
            let what = format!("a reply line longer than {LINE_MAX} octets");
            return Err(Trouble::new(stage, TroubleKind::Garbage, what));
        }
        match wire.read(&mut self.octets[self.end..]).await {
            Ok(0) => Err(Trouble::new(
                stage,
                TroubleKind::Closed,
                "the host closed the connection",
            )),
            Ok(count) => {
                self.end += count;
                Ok(())
            }
            Err(error) => Err(trouble(stage, &error)),
        }
    }
}

/// A socket's failure in our words.
pub(crate) fn trouble(stage: Stage, error: &io::Error) -> Trouble {
    use io::ErrorKind as Kind;
    let kind = match error.kind() {
        Kind::ConnectionRefused => TroubleKind::Refused,
        // A TLS peer that leaves without close_notify shows as `UnexpectedEof`.
        Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::UnexpectedEof
        | Kind::WriteZero
        | Kind::NotConnected => TroubleKind::Closed,
        Kind::TimedOut => TroubleKind::TimedOut,
        Kind::InvalidData => TroubleKind::Tls,
        _ => TroubleKind::Io,
    };
    Trouble::new(stage, kind, error.to_string())
}

/// A reply whose last line has not come yet.
#[derive(Default)]
struct Draft {
    code: u16,
    text: String,
    lines: usize,
    octets: usize,
}

impl Draft {
    /// Adds a line; says whether it was the last, or what is wrong with it.
    fn add(&mut self, line: &[u8]) -> Result<bool, &'static str> {
        self.lines += 1;
        self.octets += line.len();
        if self.octets > REPLY_MAX {
            return Err("a reply of more than 65536 octets");
        }
        if self.lines > LINES_MAX {
            return Err("a reply of more than 512 lines");
        }
        let (code, is_last, text) =
            split(trim_end(line)).ok_or("a line that is not an SMTP reply")?;
        // RFC 5321 §4.2.1 wants one code on all lines; within one severity we forgive, and the last line rules.
        if self.lines > 1 && code / 100 != self.code / 100 {
            return Err("a reply whose lines contradict each other");
        }
        self.code = code;
        if self.lines > 1 {
            self.text.push('\n');
        }
        push_clean(&mut self.text, text);
        Ok(is_last)
    }
}

/// Bare LF ends a line for us as well: being strict here would only lose replies.
fn trim_end(line: &[u8]) -> &[u8] {
    let end = line
        .iter()
        .rposition(|octet| !matches!(octet, b'\r' | b'\n'));
    &line[..end.map_or(0, |last| last + 1)]
}

/// Code, whether no line follows, and text (RFC 5321 §4.2). A code alone is a whole reply.
fn split(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    let known = matches!(digits[0], b'2'..=b'5') && digits.iter().all(u8::is_ascii_digit);
    let code = digits.iter().fold(0, |code, digit| {
        code * 10 + u16::from(digit.wrapping_sub(b'0'))
    });
    match rest {
        _ if !known => None,
        [] => Some((code, true, rest)),
        [b' ', text @ ..] => Some((code, true, text)),
        [b'-', text @ ..] => Some((code, false, text)),
        _ => None,
    }
}

/// Text for people and rules: bytes that are not UTF-8 replaced, control characters dropped.
fn push_clean(text: &mut String, octets: &[u8]) {
    let words = String::from_utf8_lossy(octets);
    if words.chars().any(char::is_control) {
        let seen = words.chars().map(|c| if c == '\t' { ' ' } else { c });
        text.extend(seen.filter(|c| !c.is_control()));
    } else {
        text.push_str(&words);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use proptest::prelude::*;
    use tokio::io::ReadBuf;

    use super::*;

    /// A wire that gives at most so many octets at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl AsyncRead for Drip<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            into: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let length = self.1.min(self.0.len()).min(into.remaining());
            let (now, later) = self.0.split_at(length);
            into.put_slice(now);
            self.0 = later;
            Poll::Ready(Ok(()))
        }
    }

    /// Reads one reply from octets that arrive in pieces of `step`.
    fn read(octets: &[u8], step: usize) -> Result<Reply, Trouble> {
        let mut wire = Drip(octets, step);
        let mut inbox = Inbox::new();
        let reply = std::pin::pin!(inbox.reply(&mut wire, Stage::RcptTo));
        match reply.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(found) => found,
            Poll::Pending => unreachable!("a drip never waits"),
        }
    }

    fn check(octets: impl AsRef<[u8]>, expected: &str) {
        let found = match read(octets.as_ref(), usize::MAX) {
            Ok(reply) => format!("{} {:?}", reply.code, reply.text),
            Err(trouble) => format!("{}: {}", trouble.kind.name(), trouble.detail),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn replies_as_receivers_write_them() {
        check("250 2.1.5 ok\r\n", "250 \"2.1.5 ok\"");
        check("250\r\n", "250 \"\"");
        check("250 \r\n", "250 \"\"");
        check("250-a\r\n250-b\r\n250 c\r\n", "250 \"a\\nb\\nc\"");
        check("250 bare line feed\n", "250 \"bare line feed\"");
        check(
            "550-5.1.1 no\r\n554 5.1.1 user\r\n",
            "554 \"5.1.1 no\\n5.1.1 user\"",
        );
        check("550 Нет такого\r\n", "550 \"Нет такого\"");
        check(
            b"550 \xff\0\x1b[31mred\tend\r\r\n",
            "550 \"\u{fffd}[31mred end\"",
        );
        check("250 one\r\n250 two\r\n", "250 \"one\"");
    }

    #[test]
    fn what_is_not_smtp_is_garbage() {
        check(
            "HTTP/1.1 400 Bad Request\r\n",
            "garbage: a line that is not an SMTP reply",
        );
        check("\r\n", "garbage: a line that is not an SMTP reply");
        check("25\r\n", "garbage: a line that is not an SMTP reply");
        check("2500 ok\r\n", "garbage: a line that is not an SMTP reply");
        check("150 ok\r\n", "garbage: a line that is not an SMTP reply");
        check("650 ok\r\n", "garbage: a line that is not an SMTP reply");
        check("\0\0\0\n", "garbage: a line that is not an SMTP reply");
        check(
            "250-yes\r\n550 no\r\n",
            "garbage: a reply whose lines contradict each other",
        );
        check(
            "x".repeat(9_000),
            "garbage: a reply line longer than 8192 octets",
        );
        check(
            "250-x\r\n".repeat(513),
            "garbage: a reply of more than 512 lines",
        );
        check(
            format!("250-{}\r\n", "y".repeat(8_000)).repeat(9),
            "garbage: a reply of more than 65536 octets",
        );
        check("250-half", "closed: the host closed the connection");
        check("", "closed: the host closed the connection");
    }

    proptest! {
        #[test]
        fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..300), step in 1_usize..50) {
            let _ = read(&octets, step);
        }

        #[test]
        fn any_splitting_gives_the_same_reply(
            lines in prop::collection::vec("[ -~]{0,40}", 1..6),
            step in 1_usize..30,
        ) {
            let (last, others) = lines.split_last().unwrap();
            let first = others.iter().flat_map(|line| ["451-", &line[..], "\r\n"]);
            let octets: String = first.chain(["451 ", &last[..], "\r\n"]).collect();
            let whole = read(octets.as_bytes(), usize::MAX).unwrap();
            prop_assert_eq!(&whole.text, &lines.join("\n"));
            prop_assert_eq!(read(octets.as_bytes(), step).unwrap(), whole);
        }
    }
}
