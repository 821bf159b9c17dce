//! Chance that can be repeated: numbers drawn from a seed and the words of a question.
//!
//! Owns the one hash of the simulation. Promises: same seed and same words, same number, on every platform and in
//! every release, whatever else happened before. Not for secrets. Read `temper` for who asks.

/// A number for a question: `purpose` keeps questions about the same words apart.
pub(super) fn draw(seed: u64, purpose: &str, words: &[&str]) -> u64 {
    let mut state = mix(seed ^ 0x9e37_79b9_7f4a_7c15);
    for word in std::iter::once(&purpose).chain(words) {
        for byte in word.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // The length closes each word, so that ("ab", "c") and ("a", "bc") differ.
        state = mix(state ^ (word.len() as u64).rotate_left(32));
    }
    state
}

/// Whether the question falls into a share in 0..=1 of all such questions.
pub(super) fn falls(share: f64, seed: u64, purpose: &str, words: &[&str]) -> bool {
    share > 0.0 && unit(draw(seed, purpose, words)) < share
}

/// The number as a point in 0..1.
pub(super) fn unit(number: u64) -> f64 {
    // 53 bits are what a double holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    let point = (number >> 11) as f64;
    point / 9_007_199_254_740_992.0
}

/// Stirs all bits of a number into all bits of the result.
pub(super) const fn mix(number: u64) -> u64 {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_questions_falls_as_asked() {
        let fell = (0..10_000)
            .filter(|n| falls(0.2, 7, "spam", &[&n.to_string()]))
            .count();
        assert!((1_800..2_200).contains(&fell), "{fell}");
        assert!(!falls(0.0, 7, "spam", &["anna"]));
        assert!(falls(1.0, 7, "spam", &["anna"]));
    }

    #[test]
    fn the_same_words_draw_the_same_number_and_others_do_not() {
        assert_eq!(draw(1, "a", &["b", "c"]), draw(1, "a", &["b", "c"]));
        assert_ne!(draw(1, "a", &["b", "c"]), draw(2, "a", &["b", "c"]));
        assert_ne!(draw(1, "a", &["b", "c"]), draw(1, "a", &["bc", ""]));
        assert_ne!(draw(1, "a", &["b", "c"]), draw(1, "x", &["b", "c"]));
    }
}
