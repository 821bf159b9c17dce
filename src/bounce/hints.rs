//! Waiting times that receivers write into their replies.
//!
//! Owns the reading of "try again in 10 minutes" in the forms that greylisters and providers use, English and Russian.
//! Promises: an answer is between [`HINT_MIN`] and [`HINT_MAX`], or there is none; a number without a waiting verb and
//! a unit is no hint. Leaves honouring it to `policy::retry`.

use std::{sync::LazyLock, time::Duration};

use regex::Regex;

/// A shorter wait is no wait: the receiver's clock is coarser than this.
pub const HINT_MIN: Duration = Duration::from_secs(10);
/// No receiver may hold a letter for longer than a day by one sentence.
pub const HINT_MAX: Duration = Duration::from_hours(24);

/// A waiting verb, a few words without digits, a number and its unit; or `hh:mm:ss`, as milter-greylist writes it.
static HINT: LazyLock<Regex> = LazyLock::new(|| {
    let verb = "again|retry|wait|come back|resend|resubmit|reconnect|defer|delay|later|back|gr[ae]y-?list\
        |повтор|попробуйте|подожд|позже|через";
    let gap = "[^0-9]{0,40}";
    let clock = "[0-9]{1,2}:[0-9]{2}:[0-9]{2}";
    let unit = "(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|сек[а-я]*|мин[а-я]*|час[а-я]*|сут[а-я]*|дн[а-я]*)";
    let amount = format!("[0-9]{{1,6}} ?-?{unit}");
    let pattern = format!("(?:{verb}){gap}(?:{clock}|{amount})(?:[^a-zа-я0-9]|$)");
    #[expect(
        clippy::expect_used,
        reason = "the pattern is a constant that every test reads"
    )]
    Regex::new(&pattern).expect("the pattern of hints is a valid regular expression")
});

/// The waiting time that a reply's text asks for, bounded.
pub fn retry_after(text: &str) -> Option<Duration> {
    let words: Vec<&str> = text.split_whitespace().collect();
    in_words(&words.join(" ").to_lowercase())
}

/// The same for a text that is already in normal form.
pub(super) fn in_words(text: &str) -> Option<Duration> {
    if !names_a_time(text) {
        return None;
    }
    let found = HINT.find(text)?.as_str();
    let amount = &found[found.find(|letter: char| letter.is_ascii_digit())?..];
    let seconds = seconds_in_clock(amount).or_else(|| seconds_in_words(amount))?;
    Some(Duration::from_secs(seconds).clamp(HINT_MIN, HINT_MAX))
}

/// `00:05:00`, up to whatever follows the last digits.
fn seconds_in_clock(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, ':').map(leading_number);
    let [hours, minutes, seconds] = [parts.next()??.0, parts.next()??.0, parts.next()??.0];
    Some(hours * 3600 + minutes * 60 + seconds)
}

/// `10 minutes`, `5min` or `30-s`.
fn seconds_in_words(text: &str) -> Option<u64> {
    let (amount, rest) = leading_number(text)?;
    let unit = rest.strip_prefix(' ').unwrap_or(rest);
    Some(amount * seconds_in(unit.strip_prefix('-').unwrap_or(unit)))
}

/// The number that a text begins with, and the rest.
fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit());
    let (number, rest) = text.split_at(end.unwrap_or(text.len()));
    Some((number.parse().ok()?, rest))
}

/// Whether some number is followed by what may be a unit or the rest of a clock's time. Most replies hold numbers that
/// are not, and need no search.
fn names_a_time(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(u8::is_ascii_digit) {
        let end = rest[at..].iter().position(|byte| !byte.is_ascii_digit());
        let Some(len) = end else { return false };
        rest = &rest[at + len..];
        if begins_with_unit(rest) {
            return true;
        }
    }
    false
}

fn begins_with_unit(text: &[u8]) -> bool {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    match text.strip_prefix(b"-").unwrap_or(text) {
        // A clock, or the units of Russian.
        [b':', b'0'..=b'9', ..] | [0xd0 | 0xd1, ..] => true,
        [b's' | b'm' | b'h' | b'd', more @ ..] => {
            let end = more.iter().position(|byte| !byte.is_ascii_alphanumeric());
            end.unwrap_or(more.len()) < "minutes".len()
        }
        _ => false,
    }
}

fn seconds_in(unit: &str) -> u64 {
    match unit.chars().next() {
        Some('m' | 'м') => 60,
        Some('h' | 'ч') => 3600,
        Some('d' | 'д') => 86_400,
        // "сут" and "сек" share their first letter with nothing else but each other.
        _ if unit.starts_with("сут") => 86_400,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, seconds: Option<u64>) {
        assert_eq!(
            retry_after(text).map(|wait| wait.as_secs()),
            seconds,
            "{text}"
        );
    }

    #[test]
    fn replies_that_name_a_waiting_time() {
        check(
            "4.7.1 Greylisted, please try again in 10 minutes",
            Some(600),
        );
        check(
            "Greylisting in action, please come back in 00:05:00",
            Some(300),
        );
        check("Greylisted for 300 seconds", Some(300));
        check("4.2.0 try again after 5 min.", Some(300));
        check("Please wait 5min and retry", Some(300));
        check("Too many messages, retry-after: 120 s", Some(120));
        check("Message temporarily deferred for 2 hours", Some(7200));
        check("Слишком много писем, повторите через 15 минут", Some(900));
        check("Попробуйте  позже,\nчерез 2 часа", Some(7200));
    }

    #[test]
    fn a_waiting_time_is_bounded() {
        check("try again in 1 second", Some(10));
        check("try again in 30 days", Some(86_400));
        check("try again in 999999 days", Some(86_400));
    }

    #[test]
    fn numbers_that_are_no_waiting_time() {
        check("try again later", None);
        check("more than 100 messages in 60 minutes", None);
        check(
            "4.7.0 Temporary System Problem. Try again later (10). gsmtp",
            None,
        );
        check("try again later, error 30 mb", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn a_hint_is_always_within_its_bounds(text in ".{0,80}", n in 0_u32..2_000_000, unit in "(s|min|hours|д)") {
            for text in [text.clone(), format!("{text} try again in {n} {unit}")] {
                if let Some(wait) = retry_after(&text) {
                    prop_assert!((HINT_MIN..=HINT_MAX).contains(&wait));
                }
            }
        }

        #[test]
        fn the_quick_look_misses_no_waiting_time(
            words in prop::collection::vec("(again|retry|5|00:05:00|12 ?-?|minutes?|s|h|days|через|мин|час|…|\\.| )", 0..9)
        ) {
            let text = words.concat();
            prop_assert!(names_a_time(&text) || !HINT.is_match(&text), "{text}");
        }
    }
}
