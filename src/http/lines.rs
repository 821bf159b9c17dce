//! A body cut into lines as it arrives.
//!
//! Owns line numbers and the limit on a line. Promises: whatever the pieces, the lines are the same; a line over the limit is
//! named and skipped without being kept; no more is held than one piece and one line. Pure: pieces go in, lines come out.

use bytes::{Bytes, BytesMut};

/// One line that is not blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number, counted from 1, blank ones included.
    pub(crate) number: u64,
    /// Its octets without the line end.
    pub(crate) octets: Result<Bytes, TooLong>,
}

/// A line beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

#[derive(Debug)]
pub(crate) struct Lines {
    octets_max: usize,
    /// What has arrived and is not cut yet.
    piece: Bytes,
    /// The beginning of a line whose end has not arrived.
    begun: BytesMut,
    /// Whether the line begun is over the limit already.
    skipping: bool,
    /// Lines ended so far.
    ended: u64,
}

impl Lines {
    pub(crate) fn new(octets_max: usize) -> Self {
        Self {
            octets_max,
            piece: Bytes::new(),
            begun: BytesMut::new(),
            skipping: false,
            ended: 0,
        }
    }

    /// Takes the next piece; the one before must have been cut to its end.
    pub(crate) fn push(&mut self, piece: Bytes) {
        debug_assert!(self.piece.is_empty());
        self.piece = piece;
    }

    /// The next whole line, or `None` when another piece is needed.
    pub(crate) fn cut(&mut self) -> Option<Line> {
        while let Some(at) = self.piece.iter().position(|octet| *octet == b'\n') {
            let head = self.piece.split_to(at + 1).slice(..at);
            if let Some(line) = self.close(head) {
                return Some(line);
            }
        }
        let rest = std::mem::take(&mut self.piece);
        self.keep(&rest);
        None
    }

    /// The last line, which may lack its end.
    pub(crate) fn finish(&mut self) -> Option<Line> {
        self.close(Bytes::new())
    }

    fn close(&mut self, head: Bytes) -> Option<Line> {
        let octets = self.whole(head);
        self.skipping = false;
        self.ended += 1;
        let is_blank = octets.as_ref().is_ok_and(|o| o.trim_ascii().is_empty());
        (!is_blank).then_some(Line {
            number: self.ended,
            octets,
        })
    }

    fn whole(&mut self, head: Bytes) -> Result<Bytes, TooLong> {
        // The common line lies within one piece: no copy.
        if self.begun.is_empty() && !self.skipping && head.len() <= self.octets_max {
            return Ok(head);
        }
        self.keep(&head);
        if self.skipping {
            return Err(TooLong);
        }
        Ok(self.begun.split().freeze())
    }

    fn keep(&mut self, octets: &[u8]) {
        if self.skipping || self.begun.len() + octets.len() > self.octets_max {
            self.skipping = true;
            self.begun = BytesMut::new();
        } else {
            self.begun.extend_from_slice(octets);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut_all(pieces: &[&[u8]], octets_max: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut lines = Lines::new(octets_max);
        let mut found = Vec::new();
        for piece in pieces {
            lines.push(Bytes::copy_from_slice(piece));
            while let Some(line) = lines.cut() {
                found.push(line);
            }
        }
        found.extend(lines.finish());
        found
            .into_iter()
            .map(|line| (line.number, line.octets.ok().map(|o| o.to_vec())))
            .collect()
    }

    fn check(pieces: &[&str], expected: &str) {
        let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
        let found: Vec<String> = cut_all(&pieces, 5)
            .into_iter()
            .map(|(number, octets)| match octets {
                Some(octets) => format!("{number}:{}", String::from_utf8(octets).unwrap()),
                None => format!("{number}!"),
            })
            .collect();
        assert_eq!(found.join(" "), expected, "{pieces:?}");
    }

    #[test]
    fn lines_are_numbered_with_the_blank_ones_and_end_with_or_without_a_line_end() {
        check(&[], "");
        check(&["\n\n"], "");
        check(&["a\nb"], "1:a 2:b");
        check(&["a\n\n  \nb\n"], "1:a 4:b");
        check(&["a", "b", "\nc"], "1:ab 2:c");
    }

    #[test]
    fn a_line_over_the_limit_is_named_and_the_next_one_read() {
        check(&["12345\n123456\nok\n"], "1:12345 2! 3:ok");
        check(&["123", "456", "789", "\nok"], "1! 2:ok");
        check(&["123456"], "1!");
    }

    proptest! {
        #[test]
        fn pieces_change_nothing(
            body in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), any::<u8>()], 0..200),
            size in 1_usize..20,
        ) {
            let pieces: Vec<&[u8]> = body.chunks(size).collect();
            prop_assert_eq!(cut_all(&pieces, 30), cut_all(&[&body], 30));
        }

        #[test]
        fn no_more_than_one_line_is_kept(pieces in proptest::collection::vec("[a\n]{0,40}", 0..20)) {
            let mut lines = Lines::new(30);
            for piece in pieces {
                lines.push(Bytes::from(piece));
                while lines.cut().is_some() {}
                prop_assert!(lines.begun.len() <= 30);
            }
        }
    }
}
