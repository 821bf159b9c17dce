//! Fourteen days of a source that nobody knows, in virtual time, counted by us and by the provider.

use std::time::Duration;

use postrider::sim::world::warming::{DayPlan, WarmSeen, WarmWorld};

const USUAL: DayPlan = DayPlan {
    letters: 400,
    stranger_every: 0,
};

/// The third day goes to a bad list, and on the sixth hardly anybody is written to.
fn fourteen_days(nodes: usize, is_alone: bool) -> WarmWorld {
    let mut days = vec![USUAL; 14];
    days[2].stranger_every = 5;
    days[5].letters = 20;
    WarmWorld {
        seed: 7,
        day: Duration::from_mins(5),
        days,
        target_per_day: 300,
        nodes,
        is_alone,
    }
}

fn told(name: &str, seen: &[WarmSeen]) -> String {
    let lines = (1..).zip(seen).map(|(number, day)| {
        let number: u32 = number;
        let cap = day.cap.map_or_else(|| "warm".to_owned(), |cap| cap.to_string());
        format!(
            "{name}, day {number:>2}: cap {cap:>4}, new source {:>3} (told {:>3}), old source {:>3}, waiting {:>4}: {}",
            day.from_new, day.told, day.from_old, day.waiting, day.reason
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What holds on every day: the provider never saw more from the new source than the cap, and saw what we counted.
fn check_both_ends(seen: &[WarmSeen]) {
    for (number, day) in (1..).zip(seen) {
        let most = day.cap.map_or(usize::MAX, |cap| cap as usize);
        assert!(day.from_new <= most, "day {number}: {day:?}");
        assert_eq!(day.from_new, day.told as usize, "day {number}: {day:?}");
    }
}

fn caps(seen: &[WarmSeen]) -> Vec<Option<u32>> {
    seen.iter().map(|day| day.cap).collect()
}

#[test]
fn a_new_source_is_warmed_up_in_fourteen_days_and_the_old_one_takes_the_rest() {
    let seen = fourteen_days(1, false).live().unwrap();
    eprintln!("{}", told("two sources", &seen));
    check_both_ends(&seen);
    let steps = [50, 100, 250, 100, 250, 300, 300].map(Some);
    assert_eq!(caps(&seen)[..7], steps, "a bad third day, an unused sixth");
    assert_eq!(caps(&seen)[7..], [None; 7], "warm from the eighth day on");
    for day in seen.iter().take(5) {
        let cap = day.cap.unwrap() as usize;
        assert!(day.from_new * 100 >= cap * 60, "{day:?}");
    }
    for (day, planned) in seen.iter().zip(&fourteen_days(1, false).days) {
        assert_eq!(day.waiting, 0, "the old source takes the rest: {day:?}");
        assert_eq!(day.from_new + day.from_old, planned.letters, "{day:?}");
    }
}

#[test]
fn without_a_warm_source_letters_wait_for_their_day() {
    let mut world = fourteen_days(2, true);
    world.days.truncate(3);
    let seen = world.live().unwrap();
    eprintln!("{}", told("new source alone, two nodes", &seen));
    check_both_ends(&seen);
    let sent: Vec<usize> = seen.iter().map(|day| day.from_new).collect();
    assert_eq!(caps(&seen), [50, 100, 250].map(Some));
    // Letters to strangers of the third morning wait behind those of the first two.
    for day in &seen {
        let cap = day.cap.unwrap() as usize;
        assert!(day.from_new * 100 >= cap * 90, "{sent:?} {day:?}");
    }
    assert!(seen[0].waiting >= 350, "{:?}", seen[0]);
}
