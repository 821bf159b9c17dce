//! What every fault must leave behind: each letter in one final state at our end, and at the provider's the copies that fit it.

use postrider::mail::State;

use crate::world::World;

/// Letters by what became of them after a fault.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) letters: usize,
    pub(crate) delivered: usize,
    pub(crate) in_doubt: usize,
    /// Letters that came more than once; each was reported in doubt before.
    pub(crate) twice: usize,
}

/// Looks every letter up at both ends. Under policy `hold` nothing may come twice, under `retry` only what was reported.
pub(crate) async fn account(world: &World, fault: &str) -> Account {
    let fates = world.kept().await;
    let count =
        |is: &dyn Fn(&crate::fates::Fate) -> bool| fates.iter().filter(|fate| is(fate)).count();
    for fate in fates.iter().filter(|fate| fate.copies > 1) {
        let doubts = fate.events("in_doubt") + fate.events("doubted");
        assert_eq!(
            fate.stream, "transactional",
            "{fault}: held letters come once: {fate:?}"
        );
        assert!(
            i64::from(fate.copies) <= 1 + doubts,
            "{fault}: unreported copy: {fate:?}"
        );
    }
    let account = Account {
        letters: fates.len(),
        delivered: count(&|fate| fate.state == State::Delivered),
        in_doubt: count(&|fate| fate.state == State::InDoubt),
        twice: count(&|fate| fate.copies > 1),
    };
    println!(
        "{fault:<44} letters {:>5}  lost 0  delivered {:>5}  in doubt {:>3}  came twice {:>3}",
        account.letters, account.delivered, account.in_doubt, account.twice
    );
    for fate in fates.iter().filter(|fate| fate.state == State::InDoubt) {
        let history = world.store.history(fate.id).await.unwrap();
        let words = history.iter().filter_map(|line| line.event.text.as_deref());
        println!("  in doubt: {}", words.collect::<Vec<_>>().join(" | "));
    }
    assert_eq!(
        account.delivered + account.in_doubt,
        account.letters,
        "{fault}"
    );
    account
}
