//! The form of a message on the wire: line ends, dots, eight-bit octets.
//!
//! Owns dot-stuffing and [`Parcel`]. Promises: a message with a bare CR or LF is refused, because receivers disagree on where its
//! lines end, and so on where the letter ends (SMTP smuggling; RFC 5321 §2.3.8 forbids it); stuffing is undone exactly by
//! RFC 5321 §4.5.2; without a line that starts with a dot nothing is copied. Leaves line length and headers to `compose`.

use crate::mail::Unsendable;

/// What one pass over a message finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// Some line starts with a dot.
    has_dots: bool,
    /// The line end that its last line lacks.
    missing_end: &'static [u8],
    /// Some octet is above 127.
    pub(crate) is_eight_bit: bool,
    /// Some octet of the header is above 127: only for SMTPUTF8 hosts (RFC 6532).
    pub(crate) has_utf8_header: bool,
}

impl Form {
    /// Looks a message over, or says why it must not go on the wire.
    pub(crate) fn of(message: &[u8]) -> Result<Self, Unsendable> {
        let (is_bare, dots_inside) = pairs(message);
        let is_eight_bit = !message.is_ascii();
        if is_bare || message.first() == Some(&b'\n') || message.last() == Some(&b'\r') {
            return Err(Unsendable::new(
                "message",
                "has a CR or LF that is not part of a CRLF line end",
            ));
        }
        Ok(Self {
            has_dots: dots_inside || message.first() == Some(&b'.'),
            missing_end: if message.is_empty() || message.ends_with(b"\r\n") {
                b""
            } else {
                b"\r\n"
            },
            is_eight_bit,
            has_utf8_header: is_eight_bit && !header(message).is_ascii(),
        })
    }

    /// As it goes after DATA, up to its final dot; `scratch` is used only where dots have to be stuffed.
    pub(crate) fn dotted<'a>(self, message: &'a [u8], scratch: &'a mut Vec<u8>) -> Parcel<'a> {
        Parcel {
            head: String::new(),
            content: self.stuffed(message, scratch),
            ending: if self.missing_end.is_empty() {
                b".\r\n"
            } else {
                b"\r\n.\r\n"
            },
        }
    }

    /// As it goes in one chunk, counted and so without dots (RFC 3030 §2).
    pub(crate) fn counted(self, message: &[u8]) -> Parcel<'_> {
        Parcel {
            head: format!("BDAT {} LAST\r\n", message.len() + self.missing_end.len()),
            content: message,
            ending: self.missing_end,
        }
    }

    fn stuffed<'a>(self, message: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        if !self.has_dots {
            return message;
        }
        scratch.clear();
        for line in message.split_inclusive(|octet| *octet == b'\n') {
            if line.first() == Some(&b'.') {
                scratch.push(b'.');
            }
            scratch.extend_from_slice(line);
        }
        scratch
    }
}

/// A message as it goes over the wire. It has arrived when its last octet has.
#[derive(Debug)]
pub(crate) struct Parcel<'a> {
    /// What announces it.
    pub(crate) head: String,
    /// The message.
    pub(crate) content: &'a [u8],
    /// Its own line end where missing, and the final dot where one closes it.
    pub(crate) ending: &'static [u8],
}

/// Whether some neighbours break CRLF apart, and whether some line but the first starts with a dot.
/// No early exit and no branch, so that the compiler turns the pass into vector instructions.
fn pairs(message: &[u8]) -> (bool, bool) {
    let next = message.get(1..).unwrap_or_default();
    let (bare, dots) = message
        .iter()
        .zip(next)
        .fold((0_u8, 0_u8), |(bare, dots), (one, two)| {
            (
                bare | (u8::from(*one == b'\r') ^ u8::from(*two == b'\n')),
                dots | (u8::from(*one == b'\n') & u8::from(*two == b'.')),
            )
        });
    (bare != 0, dots != 0)
}

/// Everything before the first empty line.
fn header(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or(message, |end| &message[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What goes over the wire for a message.
    fn wire(message: &[u8]) -> Result<Vec<u8>, Unsendable> {
        let form = Form::of(message)?;
        let mut scratch = Vec::new();
        let parcel = form.dotted(message, &mut scratch);
        Ok([parcel.head.as_bytes(), parcel.content, parcel.ending].concat())
    }

    /// A receiver that goes by RFC 5321 §4.5.2 to the letter: the message, and what follows its final dot.
    fn receive(mut octets: &[u8]) -> Option<(Vec<u8>, &[u8])> {
        let mut message = Vec::new();
        loop {
            let length = octets.windows(2).position(|two| two == b"\r\n")? + 2;
            let (line, rest) = octets.split_at(length);
            if line == b".\r\n" {
                return Some((message, rest));
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            octets = rest;
        }
    }

    fn check(message: &str, expected: &str) {
        let found = wire(message.as_bytes()).map_or_else(
            |fault| fault.field,
            |octets| String::from_utf8(octets).unwrap(),
        );
        assert_eq!(found, expected, "{message:?}");
    }

    #[test]
    fn a_line_that_starts_with_a_dot_gets_another() {
        check("a\r\nb\r\n", "a\r\nb\r\n.\r\n");
        check("a\r\nb", "a\r\nb\r\n.\r\n");
        check("", ".\r\n");
        check(".", "..\r\n.\r\n");
        check(".a\r\n..b\r\n.\r\n", "..a\r\n...b\r\n..\r\n.\r\n");
        check("a.\r\n .b\r\n", "a.\r\n .b\r\n.\r\n");
    }

    #[test]
    fn a_chunk_is_counted_and_has_no_dots_of_ours() {
        let check = |message: &[u8], expected: &str| {
            let parcel = Form::of(message).unwrap().counted(message);
            let octets = [parcel.head.as_bytes(), parcel.content, parcel.ending].concat();
            assert_eq!(String::from_utf8(octets).unwrap(), expected);
        };
        check(b".a\r\n.\r\n", "BDAT 7 LAST\r\n.a\r\n.\r\n");
        check(b".a", "BDAT 4 LAST\r\n.a\r\n");
        check(b"", "BDAT 0 LAST\r\n");
    }

    #[test]
    fn a_message_that_could_smuggle_another_is_refused() {
        check("a\n.\r\nMAIL FROM:<x@example.com>\r\n", "message");
        check("a\r.\r\n", "message");
        check("a\r\n.\rb\r\n", "message");
        check("\na\r\n", "message");
        check("a\r\n\r", "message");
        check("a\r\r\n", "message");
    }

    #[test]
    fn eight_bit_octets_are_seen_where_they_are() {
        let plain = Form::of(b"Subject: x\r\n\r\nbody\r\n").unwrap();
        assert!(!plain.is_eight_bit);
        let body = Form::of("Subject: x\r\n\r\nтело\r\n".as_bytes()).unwrap();
        assert!(body.is_eight_bit && !body.has_utf8_header);
        let header = Form::of("Subject: тема\r\n\r\nbody\r\n".as_bytes()).unwrap();
        assert!(header.has_utf8_header);
    }

    proptest! {
        #[test]
        fn a_strict_receiver_reads_back_what_was_sent(lines in prop::collection::vec("[.a\\x00-\\x09]{0,4}", 0..20)) {
            let message: String = lines.iter().flat_map(|line| [&line[..], "\r\n"]).collect();
            let octets = wire(message.as_bytes()).unwrap();
            let (received, rest) = receive(&octets).unwrap();
            prop_assert_eq!(received, message.as_bytes());
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn whatever_is_let_through_ends_where_we_end_it(message in prop::collection::vec(prop::sample::select(b"\r\n.a".to_vec()), 0..24)) {
            if let Ok(octets) = wire(&message) {
                // Even a receiver that takes bare LF for a line end must see only one final dot, the last.
                let lenient: Vec<u8> = octets.iter().copied().filter(|octet| *octet != b'\r').collect();
                let ends: Vec<_> = lenient.windows(3).enumerate().filter(|(_, three)| *three == b"\n.\n").collect();
                prop_assert!(ends.iter().all(|(at, _)| at + 3 == lenient.len()));
                let (_, rest) = receive(&octets).unwrap();
                prop_assert!(rest.is_empty());
            }
        }
    }
}
