//! By what the same report is known when it comes again.
//!
//! Owns one hash. Promises: the trace that each server on the way puts before a mail, and the form of line ends, make no
//! difference; anything else does.

use aws_lc_rs::digest::{Context, SHA256};

/// Header fields of the way, not of the mail (RFC 5321 §4.4).
const TRACE: [&str; 5] = [
    "return-path",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "received",
];

/// The hash of a mail without its trace.
pub(super) fn fingerprint(raw: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    let mut in_trace = true;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        // A folded line belongs to the field before it.
        let is_folded = line.starts_with(b" ") || line.starts_with(b"\t");
        in_trace = in_trace && (is_trace(line) || is_folded);
        if in_trace {
            continue;
        }
        match line.strip_suffix(b"\r\n") {
            Some(text) => {
                context.update(text);
                context.update(b"\n");
            }
            None => context.update(line),
        }
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

fn is_trace(line: &[u8]) -> bool {
    TRACE.iter().any(|name| {
        let head = line.get(..name.len()).unwrap_or_default();
        head.eq_ignore_ascii_case(name.as_bytes()) && line.get(name.len()) == Some(&b':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_makes_no_difference_and_the_words_do() {
        let bare = fingerprint(b"From: a\nSubject: b\n\nhello\n");
        let far = fingerprint(
            b"Return-Path: <>\r\nDelivered-To: x\r\nReceived: by a\r\n\twith b\r\nFrom: a\r\nSubject: b\r\n\r\nhello\r\n",
        );
        assert_eq!(bare, far);
        assert_ne!(bare, fingerprint(b"From: a\nSubject: b\n\nhallo\n"));
        assert_ne!(
            bare,
            fingerprint(b"From: a\nReceived: c\nSubject: b\n\nhello\n")
        );
        let _ = fingerprint(b"");
    }
}
