//! What a simulated provider is like: its patience, its limits and its bad habits.
//!
//! Owns [`Temper`], which combines any of them, and [`Mailbox`], which says what kind of mailbox an address is.
//! Promises: everything is decided by the seed and the recipient, never by the return path (whose token differs from run
//! to run) or the order of arrival, except where a provider's memory is the point (greylisting, rates). Leaves wording to `dialect`, memory to `memory`.

use std::time::Duration;

use super::chance::falls;

/// A provider's ways. The default is generous: everything is accepted at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Temper {
    /// Refuses the first attempt of each (source, sender, recipient) and takes it once the delay is over.
    pub greylist: Option<Greylist>,
    /// Refuses letters beyond a rate per source.
    pub rate: Option<Rate>,
    /// Counts the letters of each minute, and remembers who did not listen.
    pub window: Option<Window>,
    /// Simultaneous connections from one source; more get a 421 instead of a greeting.
    pub connections_max: u32,
    /// Letters on one connection; the next `MAIL FROM` gets a 421.
    pub letters_per_connection: u32,
    /// What kinds of mailboxes exist here.
    pub mailboxes: Shares,
    /// Attempts after which a full mailbox has room again; `None` means it stays full.
    pub tidy_after: Option<u32>,
    /// Share of letters, in 0..=1, that are taken for spam after the final dot.
    pub spam: f64,
    /// Lines cut in the middle of things.
    pub cuts: Cuts,
    /// Wait before each reply.
    pub reply_delay: Duration,
}

/// Greylisting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Greylist {
    /// How long a newcomer waits. A retry that comes earlier is refused again.
    pub delay: Duration,
    /// Share of recipients, in 0..=1, that are greylisted.
    pub share: f64,
}

/// A token bucket per source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Sustained recipients per second.
    pub per_second: f64,
    /// Recipients accepted at once after a pause.
    pub burst: f64,
}

/// Letters per source within any minute, and what comes of not listening.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Letters taken within any minute.
    pub per_minute: u32,
    /// From so long after the first letter on it is that many.
    pub later: Option<(Duration, u32)>,
    /// So many refusals within a minute are borne; one more is a burst, and then nothing is taken for `punishes`.
    pub bears: u32,
    /// How long a burst is punished.
    pub punishes: Duration,
}

/// Shares, in 0..=1, of addresses that are not good.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shares {
    /// Nobody of that name.
    pub unknown: f64,
    /// No room.
    pub full: f64,
    /// Closed.
    pub disabled: f64,
}

/// Shares, in 0..=1, of letters whose connection is cut; each letter is cut at most once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cuts {
    /// After 354, before the final dot has been read.
    pub mid_letter: f64,
    /// After the final dot, without a reply, although the letter was taken.
    pub after_dot_kept: f64,
    /// After the final dot, without a reply, and the letter was thrown away.
    pub after_dot_lost: f64,
}

/// Where a line is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cut {
    /// Before the final dot was read: the letter was not taken.
    MidLetter,
    /// After the final dot: the letter was taken, and its sender cannot know.
    AfterDotKept,
    /// After the final dot: the letter was not taken, and its sender cannot know.
    AfterDotLost,
}

/// What kind of mailbox an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mailbox {
    /// Takes letters.
    Good,
    /// Does not exist.
    Unknown,
    /// Has no room.
    Full,
    /// Is closed.
    Disabled,
}

/// The wait of a `greylist-` address at a provider that does not greylist others.
const GREYLIST_DELAY: Duration = Duration::from_secs(2);

impl Default for Temper {
    fn default() -> Self {
        Self {
            greylist: None,
            rate: None,
            window: None,
            connections_max: 1_000,
            letters_per_connection: u32::MAX,
            mailboxes: Shares::default(),
            tidy_after: None,
            spam: 0.0,
            cuts: Cuts::default(),
            reply_delay: Duration::ZERO,
        }
    }
}

impl Temper {
    /// Accepts everything at once.
    pub fn generous() -> Self {
        Self::default()
    }

    /// What kind of mailbox this is: by the word it begins with (`unknown-`, `full-`, `disabled-`), else by the seed.
    pub fn mailbox(&self, seed: u64, address: &str) -> Mailbox {
        let shares = [
            ("unknown-", self.mailboxes.unknown, Mailbox::Unknown),
            ("full-", self.mailboxes.full, Mailbox::Full),
            ("disabled-", self.mailboxes.disabled, Mailbox::Disabled),
        ];
        let asked = shares.iter().find(|(word, ..)| address.starts_with(word));
        asked
            .or_else(|| {
                let mut drawn = shares.iter();
                drawn.find(|(word, share, _)| falls(*share, seed, word, &[address]))
            })
            .map_or(Mailbox::Good, |(.., mailbox)| *mailbox)
    }

    /// How long this recipient's newcomers wait, if they do: `greylist-` addresses always do.
    pub(super) fn greylist_delay(&self, seed: u64, recipient: &str) -> Option<Duration> {
        if recipient.starts_with("greylist-") {
            return Some(self.greylist.map_or(GREYLIST_DELAY, |grey| grey.delay));
        }
        self.greylist
            .filter(|grey| falls(grey.share, seed, "greylist", &[recipient]))
            .map(|grey| grey.delay)
    }

    /// Whether this letter is taken for spam: always for `spam-` addresses.
    pub(super) fn is_spam(&self, seed: u64, recipient: &str) -> bool {
        recipient.starts_with("spam-") || falls(self.spam, seed, "spam", &[recipient])
    }

    /// Whether and where this letter's line is cut.
    pub(super) fn cut(&self, seed: u64, recipient: &str) -> Option<Cut> {
        let places = [
            (self.cuts.mid_letter, "mid-letter", Cut::MidLetter),
            (self.cuts.after_dot_kept, "kept", Cut::AfterDotKept),
            (self.cuts.after_dot_lost, "lost", Cut::AfterDotLost),
        ];
        let mut drawn = places.into_iter();
        drawn
            .find(|(share, word, _)| falls(*share, seed, word, &[recipient]))
            .map(|(.., cut)| cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(seed: u64) -> Vec<Mailbox> {
        let temper = Temper {
            mailboxes: Shares {
                unknown: 0.1,
                full: 0.1,
                disabled: 0.1,
            },
            ..Temper::default()
        };
        (0..500)
            .map(|n| temper.mailbox(seed, &format!("anna{n}@example.com")))
            .collect()
    }

    #[test]
    fn the_seed_decides_which_mailboxes_exist() {
        assert_eq!(kinds(1), kinds(1));
        assert_ne!(kinds(1), kinds(2));
        for kind in [Mailbox::Unknown, Mailbox::Full, Mailbox::Disabled] {
            let count = kinds(1).iter().filter(|found| **found == kind).count();
            assert!((20..90).contains(&count), "{kind:?} {count}");
        }
    }

    #[test]
    fn a_test_asks_for_a_mailbox_by_its_first_word() {
        let generous = Temper::generous();
        let kind = |address| generous.mailbox(1, address);
        assert_eq!(kind("unknown-anna@example.com"), Mailbox::Unknown);
        assert_eq!(kind("full-anna@example.com"), Mailbox::Full);
        assert_eq!(kind("disabled-anna@example.com"), Mailbox::Disabled);
        assert_eq!(kind("anna@example.com"), Mailbox::Good);
        assert!(generous.is_spam(1, "spam-anna@example.com"));
        assert!(
            generous
                .greylist_delay(1, "greylist-anna@example.com")
                .is_some()
        );
    }

    #[test]
    fn a_generous_provider_cuts_nobody_off() {
        assert_eq!(Temper::generous().cut(1, "b@mail.ru"), None);
    }
}
