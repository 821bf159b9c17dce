//! Thousands of words, found in one pass over a text.
//!
//! Owns the search. Each word is known by its *mark*: the three or four bytes of it that are seen least often in texts of
//! its kind. The pass looks up the bytes at each place in a small table, and only where a mark may stand are its words
//! compared: an automaton for so many words would fill the processor's caches, this table does not.
//! Promises: exactly the words that are in the text are told, each wherever it stands; the time is linear in the text for
//! a given list of words. Knows neither rules nor phrases: see [`super::rules`] and [`super::mail`].

use std::collections::HashMap;

use memchr::memmem;

/// Entries of the table, one octet each: it leaves most of the fastest cache to the text and the marks.
const ENTRIES: usize = 1 << ENTRY_BITS;
const ENTRY_BITS: u32 = 13;
/// An odd number whose products spread over the upper half (multiplicative hashing).
const SPREAD: u32 = 0x9E37_79B1;
/// The first three of four bytes.
const THREE: u32 = 0x00FF_FFFF;

/// Finds words.
#[derive(Debug)]
pub(super) struct Finder {
    words: Vec<Box<[u8]>>,
    /// For three bytes, which fourth bytes may make a mark of them: a bit for the lowest three bits of each.
    may_be: Box<[u8; ENTRIES]>,
    /// The marks of four bytes.
    long: Marks,
    /// Those of three.
    brief: Marks,
    /// Words too short for a mark.
    short: Vec<u16>,
}

/// Marks by a hash of their bytes.
#[derive(Debug)]
struct Marks {
    /// Where in the list those of an entry begin.
    begins: Box<[u16]>,
    list: Vec<Mark>,
}

/// Where in which word a mark stands.
#[derive(Clone, Copy, Debug)]
struct Mark {
    bytes: u32,
    word: u16,
    offset: u16,
    /// The first eight bytes of the word, and which of them it has: comparing these is enough for most.
    head: u64,
    head_mask: u64,
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
    pub(super) fn new<W: AsRef<str>>(words: &[W], usual: &Usual) -> Option<Self> {
        let (mut long, mut brief, mut short) = (Vec::new(), Vec::new(), Vec::new());
        for (number, word) in words.iter().enumerate() {
            let (number, word) = (u16::try_from(number).ok()?, word.as_ref());
            if let Some((offset, bytes)) = usual.rarest::<4>(word) {
                long.push(Mark::new(number, word, offset, bytes)?);
            } else if let Some((offset, bytes)) = usual.rarest::<3>(word) {
                brief.push(Mark::new(number, word, offset, bytes)?);
            } else {
                short.push(number);
            }
        }
        let bytes = |word: &W| word.as_ref().as_bytes().into();
        Some(Self {
            words: words.iter().map(bytes).collect(),
            may_be: may_be(&long, &brief),
            long: Marks::new(long),
            brief: Marks::new(brief),
            short,
        })
    }

    /// Tells the number of each word in the text, and where it starts.
    pub(super) fn each(&self, text: &[u8], mut tell: impl FnMut(usize, usize)) {
        let mut from = 0;
        while let Some((at, four)) = self.next(text, from) {
            self.compare(&self.long, four, text, at, &mut tell);
            if self.may_be[entry(four & THREE)] == u8::MAX {
                self.compare(&self.brief, four & THREE, text, at, &mut tell);
            }
            from = at + 1;
        }
        // The last three bytes begin no window of four.
        if let (at, Some([a, b, c])) = (text.len().wrapping_sub(3), text.last_chunk()) {
            let three = u32::from_le_bytes([*a, *b, *c, 0]);
            self.compare(&self.brief, three, text, at, &mut tell);
        }
        for number in &self.short {
            let word = usize::from(*number);
            memmem::find_iter(text, &self.words[word]).for_each(|start| tell(word, start));
        }
    }

    /// The next place where a mark may stand, and its bytes. This loop is what the search costs where nothing is found.
    #[inline]
    fn next(&self, text: &[u8], from: usize) -> Option<(usize, u32)> {
        let may_be = &*self.may_be;
        let fours = text.get(from..)?.array_windows();
        let mut fours = fours.map(|four| u32::from_le_bytes(*four)).enumerate();
        let (at, four) =
            fours.find(|(_, four)| may_be[entry(four & THREE)] & fourth(*four) != 0)?;
        Some((from + at, four))
    }

    /// Tells the words with a mark of these bytes that stand around this place.
    #[inline]
    fn compare(
        &self,
        marks: &Marks,
        bytes: u32,
        text: &[u8],
        at: usize,
        tell: &mut impl FnMut(usize, usize),
    ) {
        for mark in marks.of(bytes).iter().filter(|mark| mark.bytes == bytes) {
            let start = at.wrapping_sub(usize::from(mark.offset));
            if text.get(start..).is_some_and(|text| self.is_at(text, mark)) {
                tell(usize::from(mark.word), start);
            }
        }
    }

    /// Whether the text begins with the word of a mark.
    fn is_at(&self, text: &[u8], mark: &Mark) -> bool {
        let word = &self.words[usize::from(mark.word)];
        match text.first_chunk() {
            Some(first) if u64::from_le_bytes(*first) & mark.head_mask != mark.head => false,
            Some(_) if word.len() <= 8 => true,
            _ => text.starts_with(word),
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

impl Mark {
    fn new(number: u16, word: &str, offset: usize, bytes: u32) -> Option<Self> {
        Some(Self {
            bytes,
            word: number,
            offset: u16::try_from(offset).ok()?,
            head: head(word.as_bytes()),
            head_mask: u64::MAX >> (64 - 8 * word.len().min(8)),
        })
    }
}

impl Marks {
    /// Sorts marks by entry; there are at most as many as there are words, which are few enough.
    fn new(mut list: Vec<Mark>) -> Self {
        list.sort_by_key(|mark| entry(mark.bytes));
        let mut begins = vec![0; ENTRIES + 1].into_boxed_slice();
        for mark in &list {
            begins[entry(mark.bytes) + 1] += 1;
        }
        for entry in 0..ENTRIES {
            begins[entry + 1] += begins[entry];
        }
        Self { begins, list }
    }

    /// The marks of these bytes, and perhaps some others.
    #[inline]
    fn of(&self, bytes: u32) -> &[Mark] {
        let entry = entry(bytes);
        let range = usize::from(self.begins[entry])..usize::from(self.begins[entry + 1]);
        self.list.get(range).unwrap_or_default()
    }
}

/// The entry of a table for three or four bytes.
const fn entry(bytes: u32) -> usize {
    (bytes.wrapping_mul(SPREAD) >> (u32::BITS - ENTRY_BITS)) as usize
}

/// The bit in an entry for the last of four bytes.
const fn fourth(four: u32) -> u8 {
    1 << (four >> 24 & 7)
}

fn may_be(long: &[Mark], brief: &[Mark]) -> Box<[u8; ENTRIES]> {
    let mut may_be = Box::new([0; ENTRIES]);
    for mark in long {
        may_be[entry(mark.bytes & THREE)] |= fourth(mark.bytes);
    }
    for mark in brief {
        may_be[entry(mark.bytes)] = u8::MAX;
    }
    may_be
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
        finder.each(text.as_bytes(), |word, start| {
            assert!(text[start..].starts_with(&words[word]));
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
