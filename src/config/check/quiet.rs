//! Quiet hours that a stream can have.

use super::Faults;
use crate::config::{
    stream::{Stream, StreamKind},
    units::Period,
};

pub(super) fn check(stream: &Stream, key: impl Fn(&str) -> String, faults: &mut Faults) {
    let Some(hours) = &stream.quiet_hours else {
        return;
    };
    // A password that comes in the morning is a fault, and one that comes at night in spite of the line would be a surprise.
    faults.expect(
        &key("quiet_hours"),
        stream.kind != StreamKind::Transactional,
        "cannot be: readers wait for transactional letters; such letters go at any time",
    );
    let longest = match hours.policy() {
        Ok(hours) => hours.longest(),
        Err((name, problem)) => {
            return faults.expect(&key(&format!("quiet_hours.{name}")), false, problem);
        }
    };
    // Age counts from the enqueueing: a letter of Friday evening would have no second attempt.
    let problem = format!(
        "must be longer than the quiet hours, which last up to {}",
        Period(longest)
    );
    let lasts = stream.policy().give_up_after.0 > longest;
    faults.expect(&key("give_up_after"), lasts, &problem);
}
