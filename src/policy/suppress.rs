//! How far a suppression reaches.
//!
//! Owns the answer "does this entry stop that stream?", the twin of what the store's SQL says. Promises: a dead mailbox
//! stops everything; a complaint never stops a password reset; an unsubscribe stops its own stream alone.

use super::StreamKind;
use crate::mail::Scope;

/// Whether an entry of that scope stops letters of a stream.
pub fn stops(scope: &Scope, stream: &str, kind: StreamKind) -> bool {
    match scope {
        Scope::Everything => true,
        Scope::Marketing => kind != StreamKind::Transactional,
        Scope::Stream(name) => name == stream,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reach_of_every_scope() {
        let digest = Scope::Stream("digest".to_owned());
        for (scope, transactional, trigger, marketing, other) in [
            (&Scope::Everything, true, true, true, true),
            (&Scope::Marketing, false, true, true, true),
            (&digest, false, false, true, false),
        ] {
            let name = scope.name();
            let found = stops(scope, "receipt", StreamKind::Transactional);
            assert_eq!(found, transactional, "{name}");
            assert_eq!(
                stops(scope, "order", StreamKind::Trigger),
                trigger,
                "{name}"
            );
            assert_eq!(
                stops(scope, "digest", StreamKind::Marketing),
                marketing,
                "{name}"
            );
            assert_eq!(
                stops(scope, "offers", StreamKind::Marketing),
                other,
                "{name}"
            );
        }
    }
}
