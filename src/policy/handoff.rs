//! The last look at a letter before an attempt: is it still to be sent?
//!
//! Owns the order of those questions. Promises: a letter that must not be sent is never handed over; what is found is
//! evidence for the same judge as everything else. Leaves finding out (the ledger, the request to withdraw) to the store.

use crate::mail::{Evidence, Reason, Timestamp};

/// What is known about a letter at hand-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HandOff {
    /// Why the recipient is not written to, if so.
    pub suppressed: Option<Reason>,
    /// Whether the sender withdrew the letter.
    pub cancelled: bool,
    /// Not worth sending after this.
    pub valid_until: Option<Timestamp>,
}

impl HandOff {
    /// What stands against an attempt at `now`. A suppression comes first: it protects a person, the rest only saves work.
    pub fn objection(&self, now: Timestamp) -> Option<Evidence> {
        if let Some(reason) = self.suppressed {
            return Some(Evidence::Suppressed(reason));
        }
        if self.cancelled {
            return Some(Evidence::Cancelled);
        }
        self.valid_until
            .filter(|until| *until < now)
            .map(|valid_until| Evidence::Stale { valid_until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
    const PAST: Timestamp = Timestamp::from_seconds(1_794_999_999);

    fn check(handoff: HandOff, expected: Option<&Evidence>) {
        assert_eq!(handoff.objection(NOW).as_ref(), expected, "{handoff:?}");
    }

    #[test]
    fn a_letter_with_nothing_against_it_goes_out() {
        check(HandOff::default(), None);
        check(
            HandOff {
                valid_until: Some(NOW),
                ..HandOff::default()
            },
            None,
        );
    }

    #[test]
    fn a_suppressed_withdrawn_or_stale_letter_stays() {
        let stale = HandOff {
            valid_until: Some(PAST),
            ..HandOff::default()
        };
        check(stale, Some(&Evidence::Stale { valid_until: PAST }));
        let cancelled = HandOff {
            cancelled: true,
            ..stale
        };
        check(cancelled, Some(&Evidence::Cancelled));
        let suppressed = HandOff {
            suppressed: Some(Reason::Complaint),
            ..cancelled
        };
        check(suppressed, Some(&Evidence::Suppressed(Reason::Complaint)));
    }
}
