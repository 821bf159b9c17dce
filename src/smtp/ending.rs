//! The end of a letter on the wire: CR LF, a dot, CR LF (RFC 5321 §4.1.1.4).
//!
//! Owns the search for the final dot and the undoing of dot-stuffing (RFC 5321 §4.5.2). Promises: found wherever the
//! bytes were split, and at about a fifth of the bytes looked at. Read `inbound` and `sim` for its users.

/// What ends a letter.
pub const FINAL_DOT: &[u8; 5] = b"\r\n.\r\n";

/// Where the final dot's five bytes begin, searching from `from`.
///
/// A byte that is in no position of the pattern lets the search jump over all five (Horspool).
pub fn find_final_dot(bytes: &[u8], from: usize) -> Option<usize> {
    let mut last = from + FINAL_DOT.len() - 1;
    while let Some(byte) = bytes.get(last) {
        last += match byte {
            b'\n' if bytes[last - 4..=last] == *FINAL_DOT => return Some(last - 4),
            b'\n' => 3,
            b'.' => 2,
            b'\r' => 1,
            _ => 5,
        };
    }
    None
}

/// Removes the dot that the sender put before each line that began with one; a line begins after CR LF alone.
pub fn undot(raw: &[u8]) -> Vec<u8> {
    let mut letter = Vec::with_capacity(raw.len());
    let mut is_new_line = true;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let stuffed = line.strip_prefix(b".").filter(|_| is_new_line);
        letter.extend_from_slice(stuffed.unwrap_or(line));
        is_new_line = line.ends_with(b"\r\n");
    }
    letter
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Option<usize>) {
        assert_eq!(find_final_dot(text.as_bytes(), 0), expected, "{text:?}");
    }

    #[test]
    fn only_a_dot_alone_on_its_line_ends_a_letter() {
        check("\r\n.\r\n", Some(0));
        check("hello\r\n.\r\nMAIL", Some(5));
        check("\r\n\r\n.\r\n", Some(2));
        check("\r\n..\r\n.\r\n", Some(4));
        check("a\n.\n", None);
        check("a\r\n.\r", None);
        check("", None);
    }

    #[test]
    fn dot_stuffing_is_undone() {
        assert_eq!(undot(b"..\r\na.b\r\n...c\r\n"), b".\r\na.b\r\n..c\r\n");
        assert_eq!(undot(b"a\n.b\r\n"), b"a\n.b\r\n");
    }

    proptest! {
        #[test]
        fn the_jumping_search_agrees_with_the_plain_one(text in "[\r\n.a]{0,40}") {
            let plain = text.as_bytes().windows(5).position(|window| window == FINAL_DOT);
            prop_assert_eq!(find_final_dot(text.as_bytes(), 0), plain);
        }
    }
}
