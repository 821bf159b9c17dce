//! Lines of a notice that are replies of a receiver.
//!
//! Owns how such a line begins. Leaves the codes themselves to [`super::code`].

/// `550 ...`, `550-...`, `5.1.1 ...`.
pub(super) fn begins(line: &str) -> bool {
    let bytes = line.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let code = digits(1..3) && matches!(bytes.get(3), Some(b' ' | b'-'));
    let enhanced = bytes.get(1) == Some(&b'.') && digits(2..3) && bytes.get(3) == Some(&b'.');
    matches!(bytes.first(), Some(b'4' | b'5')) && (code || enhanced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_begin_a_reply() {
        for line in ["550 no", "550-5.1.1 no", "5.1.1 no", "421 4.7.0 later"] {
            assert!(begins(line), "{line}");
        }
        for line in ["", "55", "5500 no", "250 ok", "5 days", "550", "no 550"] {
            assert!(!begins(line), "{line}");
        }
    }
}
