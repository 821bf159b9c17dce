//! Warm-ups day by day, and their laws.

use proptest::prelude::*;

use super::*;

fn plan(per_day: u32) -> Plan {
    Plan {
        source: "s2".to_owned(),
        target: None,
        per_day,
        starts: None,
        schedule: schedule("standard").unwrap(),
    }
}

/// A day that used its cap and was good.
fn good(day: i32, cap: &WarmCap) -> WarmDay {
    let letters = cap.letters.unwrap_or(1_000);
    WarmDay {
        day,
        cap: Some(cap.clone()),
        granted: letters,
        attempted: letters,
        accepted: letters,
        ..WarmDay::default()
    }
}

/// The caps of a warm-up whose days are as `happen` makes them.
fn ramp(plan: &Plan, days: i32, happen: impl Fn(&mut WarmDay)) -> Vec<Option<u32>> {
    let mut past: Vec<WarmDay> = Vec::new();
    let caps = (0..days).map(|day| {
        let cap = cap(plan, &past, day);
        let mut lived = good(day, &cap);
        happen(&mut lived);
        past.push(lived);
        cap.letters
    });
    caps.collect()
}

/// The cap after one day at step 4 (1,000 letters) that was like this.
fn after(change: impl Fn(&mut WarmDay)) -> String {
    let plan = plan(100_000);
    let mut day = good(0, &plan.cap(4, "then"));
    change(&mut day);
    let next = cap(&plan, &[day], 1);
    format!("{}: {}", next.letters.unwrap_or(0), next.reason)
}

#[test]
fn good_days_follow_the_schedule_up_to_the_target_and_then_the_route_is_warm() {
    let caps = ramp(&plan(1_200), 8, |_| {});
    let expected = [50, 100, 250, 500, 1_000, 1_200].map(Some);
    assert_eq!(caps[..6], expected);
    assert_eq!(caps[6..], [None, None]);
}

#[test]
fn a_day_decides_the_next_one() {
    assert_eq!(after(|_| {}), "2500: the day before was good");
    assert_eq!(
        after(|day| day.deferred = 99),
        "2500: the day before was good"
    );
    assert_eq!(
        after(|day| day.deferred = 100),
        "500: a step back: 100 deferrals among 1000 letters (10.00 %; 10.00 % is borne)"
    );
    assert_eq!(
        after(|day| (day.spam, day.complaints) = (20, 9)),
        "500: a step back: 9 complaints among 1000 letters (0.90 %; 0.10 % is borne)"
    );
    assert_eq!(
        after(|day| day.spam = 20),
        "500: a step back: 20 refusals for the content among 1000 letters (2.00 %; 1.00 % is borne)"
    );
    assert_eq!(
        after(|day| day.strangers = 60),
        "500: a step back: 60 unknown readers among 1000 letters (6.00 %; 3.00 % is borne)"
    );
    assert_eq!(
        after(|day| day.blocked = 30),
        "500: a step back: 30 refusals of our name among 1000 letters (3.00 %; 1.00 % is borne)"
    );
    assert_eq!(
        after(|day| (day.granted, day.attempted, day.accepted) = (599, 599, 599)),
        "1000: once more: 599 of 1000 letters were sent"
    );
}

#[test]
fn one_complaint_spoils_no_day() {
    assert_eq!(
        after(|day| day.complaints = 1),
        "2500: the day before was good"
    );
}

#[test]
fn a_greylisted_letter_takes_two_places_and_idle_stock_takes_none() {
    let greylisted = after(|day| (day.attempted, day.accepted) = (500, 500));
    assert_eq!(greylisted, "2500: the day before was good");
    let stocked = after(|day| (day.attempted, day.accepted) = (2, 2));
    assert_eq!(stocked, "1000: once more: 4 of 1000 letters were sent");
}

#[test]
fn a_month_without_letters_begins_anew_and_a_week_does_not() {
    let plan = plan(100_000);
    let day = good(0, &plan.cap(4, "then"));
    let next = |on| cap(&plan, std::slice::from_ref(&day), on);
    assert_eq!(next(29).letters, Some(2_500));
    let anew = next(30);
    assert_eq!(anew.letters, Some(50));
    assert_eq!(
        anew.reason,
        "nothing was sent for 30 days: the warm-up begins anew"
    );
    let mut warm = good(0, &plan.cap(99, "warm"));
    warm.attempted = 1;
    assert_eq!(cap(&plan, &[warm.clone()], 9).letters, None);
    assert_eq!(cap(&plan, &[warm], 30).letters, Some(50));
}

#[test]
fn a_bad_day_of_a_warm_route_brings_its_target_back_as_the_limit() {
    let plan = plan(1_200);
    let mut day = good(0, &plan.cap(99, "warm"));
    day.deferred = 400;
    assert_eq!(cap(&plan, &[day], 1).letters, Some(1_200));
}

#[test]
fn nothing_goes_before_the_first_day() {
    let plan = Plan {
        starts: Some(10),
        ..plan(1_200)
    };
    assert_eq!(cap(&plan, &[], 9).letters, Some(0));
    let waited = WarmDay {
        day: 9,
        cap: Some(cap(&plan, &[], 9)),
        ..WarmDay::default()
    };
    assert_eq!(cap(&plan, &[waited], 10).letters, Some(50));
}

#[test]
fn a_route_has_its_own_plan_or_that_of_its_source() {
    let of_all = plan(100);
    let of_google = Plan {
        target: Some("google".to_owned()),
        ..plan(7)
    };
    let plans = Plans::new(vec![of_all.clone(), of_google.clone()]);
    assert_eq!(plans.of("s2", "google"), Some(&of_google));
    assert_eq!(plans.of("s2", "mailru"), Some(&of_all));
    assert_eq!(plans.of("s1", "google"), None);
}

#[test]
fn every_schedule_grows_from_step_to_step_and_for_ever() {
    for schedule in schedules() {
        assert!(!schedule.about.is_empty());
        for step in 0..80 {
            let (now, next) = (schedule.at(step), schedule.at(step + 1));
            assert!(
                now > 0 && next > now || now == u32::MAX,
                "{} at {step}",
                schedule.name
            );
        }
    }
    let gentle = schedule("gentle").unwrap();
    for step in 0..30 {
        assert!(
            gentle.at(step + 1) * 10 <= gentle.at(step) * 15 + 10,
            "{step}"
        );
    }
}

fn days() -> impl Strategy<Value = Vec<WarmDay>> {
    let day = (
        0..60_i32,
        0..25_u16,
        0..5_000_u32,
        0..400_u32,
        0..40_u32,
        0..20_u32,
    );
    let day = day.prop_map(
        |(day, step, attempted, deferred, spam, complaints)| WarmDay {
            day,
            cap: Some(plan(20_000).cap(step, "then")),
            granted: attempted,
            attempted,
            accepted: attempted.saturating_sub(deferred),
            deferred,
            spam,
            complaints,
            ..WarmDay::default()
        },
    );
    prop::collection::vec(day, 0..20)
}

proptest! {
    #[test]
    fn a_cap_never_exceeds_the_target_and_grows_by_one_step_at_most(past in days(), today in 0..90_i32) {
        let plan = plan(20_000);
        let next = cap(&plan, &past, today);
        prop_assert!(next.letters.is_none_or(|letters| letters <= 20_000));
        let highest = past.iter().filter(|day| day.day < today).filter_map(|day| day.cap.as_ref()).map(|cap| cap.step).max();
        prop_assert!(next.step <= highest.map_or(0, |step| step + 1));
    }

    #[test]
    fn a_worse_day_never_gives_a_larger_cap(past in days(), today in 0..90_i32, more in 0..50_u32) {
        let plan = plan(20_000);
        let better = cap(&plan, &past, today);
        let mut worse = past;
        for day in &mut worse {
            day.complaints += more;
            day.spam += more;
        }
        prop_assert!(cap(&plan, &worse, today).step <= better.step);
    }

    #[test]
    fn days_to_come_and_the_order_of_days_change_nothing(past in days(), today in 0..60_i32) {
        let plan = plan(20_000);
        let mut by_day: std::collections::BTreeMap<i32, WarmDay> = past.into_iter().map(|day| (day.day, day)).collect();
        let all: Vec<WarmDay> = by_day.values().cloned().collect();
        let reversed: Vec<WarmDay> = by_day.values().rev().cloned().collect();
        by_day.retain(|day, _| *day < today);
        let before: Vec<WarmDay> = by_day.into_values().collect();
        let expected = cap(&plan, &before, today);
        prop_assert_eq!(cap(&plan, &all, today), expected.clone());
        prop_assert_eq!(cap(&plan, &reversed, today), expected);
    }
}
