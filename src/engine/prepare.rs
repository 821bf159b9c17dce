//! Who may compose and sign now.
//!
//! Owns the passes. Promises: letters wait for the processors here and not in the runtime's line, where each step of each
//! talk would wait behind hundreds of signatures; whoever has a pass lets everything go first that is ready by then; an
//! urgent letter waits for no pass of another. A signature takes a hundred times as long as a step of a talk, and nothing
//! can be put before it once it has begun.

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::yield_now,
};

/// Passes for urgent letters, and for the others.
#[derive(Debug)]
pub(super) struct Prepare {
    urgent: Semaphore,
    others: Semaphore,
}

/// Held while a letter is composed and signed.
#[must_use]
#[derive(Debug)]
pub(super) struct Pass<'a>(
    /// `None` only when there are no passes any more, which nobody brings about.
    #[expect(dead_code, reason = "what counts is when it is dropped")]
    Option<SemaphorePermit<'a>>,
);

impl Prepare {
    /// One pass of each kind for every processor.
    pub(super) fn new(processors: usize) -> Self {
        let passes = || Semaphore::new(processors.max(1));
        Self {
            urgent: passes(),
            others: passes(),
        }
    }

    /// Waits for a pass, in the order of asking, and then for one turn of whatever else is ready.
    pub(super) async fn pass(&self, is_urgent: bool) -> Pass<'_> {
        let passes = if is_urgent {
            &self.urgent
        } else {
            &self.others
        };
        let pass = passes.acquire().await.ok();
        yield_now().await;
        Pass(pass)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{task::JoinSet, time::timeout};

    use super::Prepare;

    #[tokio::test(start_paused = true)]
    async fn urgent_letters_wait_for_no_other() {
        let prepare = Prepare::new(1);
        let soon = |is_urgent| timeout(Duration::from_secs(1), prepare.pass(is_urgent));
        let held = soon(false).await.unwrap();
        assert!(soon(false).await.is_err());
        assert!(soon(true).await.is_ok());
        drop(held);
        assert!(soon(false).await.is_ok());
    }

    #[tokio::test]
    async fn whoever_has_a_pass_lets_go_first_what_is_ready() {
        let prepare = Prepare::new(1);
        let mut others = JoinSet::new();
        others.spawn(async {});
        let _pass = prepare.pass(false).await;
        assert!(others.try_join_next().is_some());
    }
}
