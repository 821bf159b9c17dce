//! The governor against a provider that counts: what it finds, and what that costs.

use super::*;

const START: Timestamp = Timestamp::from_seconds(1_795_000_000);

fn rules() -> Rules {
    Rules {
        limit: Some(360_000),
        connections: Some(10),
        start: Some(3_600),
        adaptive: true,
    }
}

fn refusal() -> Told {
    Told::SlowDown {
        class: Class::Rate,
        is_clear: true,
        permanent: false,
        hint: None,
        about_connections: false,
        words: "451 4.7.1 slow down".to_owned(),
    }
}

/// A provider that takes so many letters in any minute.
struct Provider {
    limit: usize,
    taken: Vec<Timestamp>,
    attempts: usize,
    refused: usize,
}

impl Provider {
    fn offer(&mut self, now: Timestamp) -> Told {
        let recent = self
            .taken
            .iter()
            .rev()
            .take_while(|at| now.since(**at) < Duration::from_mins(1));
        self.attempts += 1;
        if recent.count() < self.limit {
            self.taken.push(now);
            Told::Good
        } else {
            self.refused += 1;
            refusal()
        }
    }

    fn taken_since(&self, from: Timestamp) -> usize {
        self.taken.iter().filter(|at| **at >= from).count()
    }
}

/// A route with letters enough, driven tenth by tenth of a second.
struct Route {
    state: RouteState,
    seen: Seen,
    now: Timestamp,
    next: Timestamp,
    story: Vec<String>,
}

impl Route {
    fn new() -> Self {
        Self {
            state: first(&rules(), START),
            seen: Seen::default(),
            now: START,
            next: START,
            story: Vec::new(),
        }
    }

    fn run(&mut self, provider: &mut Provider, span: Duration) {
        let end = self.now.plus(span);
        while self.now < end {
            self.send(provider);
            if let Some(state) = tend(&self.state, &rules(), &self.seen, 1.0, self.now) {
                self.become_(state);
            }
            self.now = self.now.plus(Duration::from_millis(100));
        }
    }

    fn send(&mut self, provider: &mut Provider) {
        let quiet = self.state.quiet_until.is_some_and(|until| until > self.now);
        let rate = rate(&self.state, &rules()).unwrap_or(360_000);
        if quiet || rate == 0 || self.next > self.now {
            return;
        }
        self.next = self
            .now
            .plus(Duration::from_secs_f64(3_600.0 / f64::from(rate)));
        let told = provider.offer(self.now);
        self.seen.note(&told, Duration::from_millis(50), self.now);
        let times = (self.now, self.now);
        if let Some(state) = heed(&self.state, &rules(), &self.seen, &told, 1.0, times) {
            self.become_(state);
        }
    }

    fn become_(&mut self, state: RouteState) {
        let at = self.now.since(START).as_secs();
        self.story
            .push(format!("{at:>5} s {}: {}", state.phase.name(), state.cause));
        self.state = state;
        self.seen.begin();
    }
}

fn provider(limit: usize) -> Provider {
    Provider {
        limit,
        taken: Vec::new(),
        attempts: 0,
        refused: 0,
    }
}

#[test]
fn it_finds_a_limit_that_nobody_told() {
    for limit in [5, 20, 100, 600] {
        let (mut route, mut provider) = (Route::new(), provider(limit));
        route.run(&mut provider, Duration::from_mins(30));
        let (allowed, taken) = (limit * 30, provider.taken.len());
        let story = route.story.join("\n");
        assert!(taken * 100 >= allowed * 85, "{taken} of {allowed}\n{story}");
        assert!(
            provider.refused * 100 < provider.attempts.max(100) * 3,
            "{} refused\n{story}",
            provider.refused
        );
    }
}

#[test]
fn it_finds_a_limit_that_was_doubled() {
    let (mut route, mut provider) = (Route::new(), provider(20));
    route.run(&mut provider, Duration::from_mins(25));
    provider.limit = 40;
    route.run(&mut provider, Duration::from_mins(20));
    let found = route.now;
    route.run(&mut provider, Duration::from_mins(10));
    let taken = provider.taken_since(found);
    assert!(taken >= 340, "{taken} of 400\n{}", route.story.join("\n"));
}

#[test]
fn letters_under_way_lower_the_pace_only_once() {
    let mut seen = Seen::default();
    let mut state = first(&rules(), START);
    let now = START.plus(Duration::from_secs(30));
    for second in 0..30 {
        seen.note(
            &Told::Good,
            Duration::ZERO,
            START.plus(Duration::from_secs(second)),
        );
    }
    seen.note(&refusal(), Duration::ZERO, now);
    state = heed(&state, &rules(), &seen, &refusal(), 1.0, (now, now)).unwrap();
    let later = now.plus(Duration::from_millis(200));
    seen.note(&refusal(), Duration::ZERO, later);
    let began = now.minus(Duration::from_millis(100));
    assert_eq!(
        heed(&state, &rules(), &seen, &refusal(), 1.0, (began, later)),
        None
    );
}

#[test]
fn refusals_in_a_row_end_in_a_pause_and_probes_lead_back() {
    let mut seen = Seen::default();
    let mut state = first(&rules(), START);
    let mut now = START;
    for _ in 0..4 {
        now = now.plus(Duration::from_secs(70));
        seen.note(&refusal(), Duration::ZERO, now);
        state = heed(&state, &rules(), &seen, &refusal(), 1.0, (now, now)).unwrap_or(state);
    }
    assert_eq!(
        (state.phase, rate(&state, &rules())),
        (Phase::Paused, Some(0))
    );
    assert_eq!(tend(&state, &rules(), &seen, 1.0, now), None);
    now = state.until.unwrap();
    state = tend(&state, &rules(), &seen, 1.0, now).unwrap();
    seen.begin();
    assert_eq!(
        (state.phase, connections(&state, &rules())),
        (Phase::Probing, Some(1))
    );
    for _ in 0..PROBES_WELCOME {
        seen.note(&Told::Good, Duration::ZERO, now);
    }
    state = tend(&state, &rules(), &seen, 1.0, now).unwrap();
    assert_eq!((state.phase, state.connections), (Phase::Holding, Some(1)));
    assert!(state.rate.unwrap() <= state.ceiling.unwrap());
}

#[test]
fn a_pause_that_the_reply_asks_for_is_kept() {
    let told = Told::SlowDown {
        class: Class::Rate,
        is_clear: true,
        permanent: false,
        hint: Some(Duration::from_mins(25)),
        about_connections: false,
        words: "421 try again in 25 minutes".to_owned(),
    };
    let mut seen = Seen::default();
    seen.note(&told, Duration::ZERO, START);
    let state = heed(
        &first(&rules(), START),
        &rules(),
        &seen,
        &told,
        1.0,
        (START, START),
    )
    .unwrap();
    assert_eq!(state.until, Some(START.plus(Duration::from_mins(25))));
}

#[test]
fn what_is_fixed_by_the_operator_is_not_changed() {
    let state = RouteState {
        phase: Phase::Fixed,
        rate: Some(60),
        ..first(&rules(), START)
    };
    let mut seen = Seen::default();
    for _ in 0..9 {
        seen.note(&refusal(), Duration::ZERO, START);
        assert_eq!(
            heed(&state, &rules(), &seen, &refusal(), 1.0, (START, START)),
            None
        );
    }
    assert_eq!(
        tend(
            &state,
            &rules(),
            &seen,
            1.0,
            START.plus(Duration::from_hours(3))
        ),
        None
    );
}

/// It must come four times in a row to change anything.
fn unclear(class: Class, is_clear: bool) {
    let told = Told::SlowDown {
        class,
        is_clear,
        permanent: false,
        hint: None,
        about_connections: false,
        words: "451 come back later".to_owned(),
    };
    let mut seen = Seen::default();
    let state = first(&rules(), START);
    for round in 0..5 {
        seen.note(&told, Duration::ZERO, START);
        let next = heed(&state, &rules(), &seen, &told, 1.0, (START, START));
        assert_eq!(next.is_some(), round >= 3, "{round}");
    }
}

#[test]
fn one_unclear_deferral_changes_nothing() {
    unclear(Class::System, true);
    unclear(Class::Rate, false);
}

#[test]
fn a_pace_is_told_in_the_unit_that_fits() {
    let words: Vec<String> = [12, 60, 90, 1_140, 7_200, 360_000]
        .into_iter()
        .map(pace)
        .collect();
    assert_eq!(words.join(" "), "12/h 1/min 1.5/min 19/min 2/s 100/s");
}
