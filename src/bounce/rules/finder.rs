//! Thousands of words, found in one pass over a text.
//!
//! Owns the search. Each word is known by its *mark*: the three or four bytes of it that are seen least often in the
//! replies that taught the rules. The pass looks up the bytes at each place in a small bit table, and only where a mark
//! may stand are its words compared: an automaton for so many words would fill the processor's caches, these tables do not.
//! Promises: exactly the words that are in the text are told, each at least once; the time is linear in the text for a
//! given list of words. Knows no rule: see [`super::forms`].

use std::collections::HashMap;

use memchr::memmem;

/// Bits of the table: 8 KiB, nearly empty with a thousand marks.
const BITS: usize = 1 << 16;
/// An odd number whose products spread over the upper half (multiplicative hashing).
const SPREAD: u32 = 0x9E37_79B1;
/// So many spots share an entry of the index.
const SHARE: usize = 16;
/// The first three of four bytes.
const THREE: u32 = 0x00FF_FFFF;

/// Finds words.
#[derive(Debug)]
pub(super) struct Finder {
    words: Vec<Box<[u8]>>,
    /// Spots where a mark may be.
    bits: Box<[u64; BITS / 64]>,
    /// Where in `marks` those of some neighbouring spots begin.
    begins: Box<[u16; BITS / SHARE + 1]>,
    /// Sorted by spot.
    marks: Vec<Mark>,
    /// Words too short for a mark.
    short: Vec<u16>,
}

/// Where in which word a mark stands.
#[derive(Clone, Copy, Debug)]
struct Mark {
    spot: u16,
    word: u16,
    offset: u16,
    /// The first eight bytes of the word, and which of them it has: comparing these is enough for most.
    head: u64,
    mask: u64,
}

/// How often marks are seen.
#[derive(Debug, Default)]
pub(super) struct Usual {
    seen: HashMap<u32, u32>,
    texts: u32,
}

impl Usual {
    /// Counts the marks of a text that is like those to be read.
    pub(super) fn count(&mut self, text: &str) {
        self.texts += 1;
        let marks = marks::<4>(text).chain(marks::<3>(text));
        marks.for_each(|(_, mark)| *self.seen.entry(mark).or_default() += 1);
    }

    /// How often any of these words may have been seen.
    pub(super) fn seen_any(&self, words: &[String]) -> u32 {
        let seen = words.iter().map(|word| self.seen(word));
        seen.fold(0, u32::saturating_add)
    }

    /// Whether most texts hold none of these words.
    pub(super) fn is_rare(&self, words: &[String]) -> bool {
        self.seen_any(words) <= self.texts / 3
    }

    /// How often a word may have been seen: as often as its rarest mark.
    fn seen(&self, word: &str) -> u32 {
        let rarest = self.rarest::<4>(word).or_else(|| self.rarest::<3>(word));
        rarest.map_or(u32::MAX, |(_, mark)| self.seen_mark(mark))
    }

    fn seen_mark(&self, mark: u32) -> u32 {
        self.seen.get(&mark).copied().unwrap_or(0)
    }

    /// The mark of a word that is seen least often; the last of equals, because words begin alike more often than they end.
    fn rarest<const N: usize>(&self, word: &str) -> Option<(usize, u32)> {
        marks::<N>(word).min_by_key(|(offset, mark)| (self.seen_mark(*mark), usize::MAX - offset))
    }
}

impl Finder {
    /// A finder of words; the number of a word is its place. `None` when they are too many or too long for its tables.
    pub(super) fn new(words: &[String], usual: &Usual) -> Option<Self> {
        let (mut marks, mut short) = (Vec::new(), Vec::new());
        for (number, word) in words.iter().enumerate() {
            let number = u16::try_from(number).ok()?;
            let Some((offset, mark)) = usual.rarest::<4>(word).or_else(|| usual.rarest::<3>(word))
            else {
                short.push(number);
                continue;
            };
            marks.push(Mark {
                spot: spot(mark),
                word: number,
                offset: u16::try_from(offset).ok()?,
                head: head(word.as_bytes()),
                mask: u64::MAX >> (64 - 8 * word.len().min(8)),
            });
        }
        marks.sort_by_key(|mark| mark.spot);
        let (bits, begins) = tables(&marks);
        Some(Self {
            words: words.iter().map(|word| word.as_bytes().into()).collect(),
            bits,
            begins,
            marks,
            short,
        })
    }

    /// Tells the number of each word in the text.
    pub(super) fn each(&self, text: &str, mut tell: impl FnMut(usize)) {
        let bytes = text.as_bytes();
        for (at, four) in bytes.array_windows().enumerate() {
            let four = u32::from_le_bytes(*four);
            let (long, brief) = (spot(four), spot(four & THREE));
            if self.may_be(long) {
                self.compare(bytes, at, long, &mut tell);
            }
            if self.may_be(brief) {
                self.compare(bytes, at, brief, &mut tell);
            }
        }
        // The last three bytes begin no window of four.
        if let (at, Some([a, b, c])) = (bytes.len().wrapping_sub(3), bytes.last_chunk()) {
            let brief = spot(u32::from_le_bytes([*a, *b, *c, 0]));
            self.compare(bytes, at, brief, &mut tell);
        }
        for number in &self.short {
            let word = usize::from(*number);
            memmem::find_iter(bytes, &self.words[word]).for_each(|_| tell(word));
        }
    }

    fn may_be(&self, spot: u16) -> bool {
        let (at, bit) = place(spot);
        self.bits[at] & bit != 0
    }

    /// Whether the text begins with the word of a mark.
    fn is_at(&self, text: &[u8], mark: &Mark) -> bool {
        let word = &self.words[usize::from(mark.word)];
        match text.first_chunk() {
            Some(first) if u64::from_le_bytes(*first) & mark.mask != mark.head => false,
            Some(_) if word.len() <= 8 => true,
            _ => text.starts_with(word),
        }
    }

    /// Tells the words with a mark at that spot that stand around this place.
    fn compare(&self, text: &[u8], at: usize, spot: u16, tell: &mut impl FnMut(usize)) {
        let entry = usize::from(spot) / SHARE;
        let range = usize::from(self.begins[entry])..usize::from(self.begins[entry + 1]);
        for mark in self.marks[range].iter().filter(|mark| mark.spot == spot) {
            let word = usize::from(mark.word);
            let start = at.checked_sub(usize::from(mark.offset));
            if start.is_some_and(|start| self.is_at(&text[start..], mark)) {
                tell(word);
            }
        }
    }
}

/// The first eight bytes as a number, so far as there are any.
fn head(bytes: &[u8]) -> u64 {
    let mut head = [0; 8];
    let len = bytes.len().min(8);
    head[..len].copy_from_slice(&bytes[..len]);
    u64::from_le_bytes(head)
}

/// The marks of a word or text, each with its place.
fn marks<const N: usize>(text: &str) -> impl Iterator<Item = (usize, u32)> {
    let number = |mark: &[u8; N]| {
        mark.iter()
            .rfold(0, |sum, byte| sum << 8 | u32::from(*byte))
    };
    let windows = text.as_bytes().array_windows();
    windows.map(number).enumerate()
}

/// Where a mark lies in the tables.
const fn spot(mark: u32) -> u16 {
    let [_, _, low, high] = mark.wrapping_mul(SPREAD).to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// The word of the bit table and the bit in it.
const fn place(spot: u16) -> (usize, u64) {
    (spot as usize / 64, 1 << (spot % 64))
}

fn tables(marks: &[Mark]) -> (Box<[u64; BITS / 64]>, Box<[u16; BITS / SHARE + 1]>) {
    let mut bits = Box::new([0; BITS / 64]);
    let mut begins = Box::new([0; BITS / SHARE + 1]);
    for mark in marks {
        let (at, bit) = place(mark.spot);
        bits[at] |= bit;
        begins[usize::from(mark.spot) / SHARE + 1] += 1;
    }
    for entry in 0..BITS / SHARE {
        begins[entry + 1] += begins[entry];
    }
    (bits, begins)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aho_corasick::AhoCorasick;
    use proptest::prelude::*;

    use super::*;

    fn found(words: &[String], usual: &str, text: &str) -> BTreeSet<usize> {
        let mut counted = Usual::default();
        counted.count(usual);
        let mut found = BTreeSet::new();
        let finder = Finder::new(words, &counted).expect("few words");
        finder.each(text, |word| {
            found.insert(word);
        });
        found
    }

    #[test]
    fn words_of_any_length_are_found_wherever_they_stand() {
        let words = ["a", "ab", "abc", "abcd", "bcde", "xyz"].map(str::to_owned);
        let check = |text, expected: &[usize]| {
            assert!(found(&words, "", text).iter().eq(expected), "{text}");
        };
        check("abcde", &[0, 1, 2, 3, 4]);
        check("abc", &[0, 1, 2]);
        check("abab xyz", &[0, 1, 5]);
        check("xyzabc", &[0, 1, 2, 5]);
        check("", &[]);
    }

    proptest! {
        #[test]
        fn the_answer_is_that_of_an_automaton(
            words in prop::collection::btree_set("[abñ ]{1,7}", 1..40), usual in "[abñ ]{0,60}", text in "[abñ ]{0,90}"
        ) {
            let words: Vec<String> = words.into_iter().collect();
            let automaton = AhoCorasick::new(&words).expect("an automaton");
            let hits = automaton.find_overlapping_iter(&text);
            let expected: BTreeSet<usize> = hits.map(|hit| hit.pattern().as_usize()).collect();
            prop_assert_eq!(found(&words, &usual, &text), expected);
        }
    }
}
