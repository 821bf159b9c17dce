//! The way to an address, and the gates that stand on it: pace and daily limits.
//!
//! Owns the answer to "which hosts, which counts". Pure but for [`Way::find`], which asks DNS where no route is fixed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use anyhow::Result;

use super::Gate;
use crate::{
    app::{desk, names},
    cli::{pace, words::plain},
    config::{self, Config},
    mail::{Domain, Provider, RouteKey},
    policy::shaping::{Count, Shaping},
    port::{Dns, WarmupStore},
    route,
    store::{PgStore, RouteView},
};

/// How many letters warm-ups allow each route today.
pub(super) type Caps = BTreeMap<RouteKey, u32>;

/// Where letters to a domain go.
pub(super) struct Way {
    pub(super) provider: Provider,
    pub(super) site: String,
    hosts: Vec<String>,
    is_fixed: bool,
    counts: Vec<Count>,
}

impl Way {
    /// The fixed route of the configuration, else what DNS says; the inner error is why there is none.
    pub(super) async fn find(config: &Config, domain: &Domain) -> Result<Result<Self, String>> {
        let shaping = desk::shaping(config)?;
        if let Some(fixed) = desk::fixed(config)?.find(domain) {
            let host = fixed.host.clone();
            return Ok(Ok(Self {
                provider: fixed.provider(),
                site: fixed.site().as_str().to_owned(),
                counts: counts(&shaping, &host, fixed.site().as_str(), domain),
                hosts: vec![format!("{host}:{}", fixed.port)],
                is_fixed: true,
            }));
        }
        let answer = names::resolver(config)?.mx(domain).await;
        let plan = route::plan(domain, &answer, 0.0).map_err(|why| why.to_string());
        Ok(plan.map(|plan| {
            let names: Vec<String> = plan.hosts.iter().map(|host| host.name.clone()).collect();
            let best = best(&plan.hosts);
            Self {
                provider: plan.provider,
                counts: counts(&shaping, best, plan.site.as_str(), domain),
                site: plan.site.as_str().to_owned(),
                hosts: names,
                is_fixed: false,
            }
        }))
    }
}

/// The host by which a profile is found: of the most preferred ones the first by name.
fn best(hosts: &[route::MailHost]) -> &str {
    let best = hosts
        .iter()
        .min_by_key(|host| (host.preference, host.name.as_str()));
    best.map_or("", |host| host.name.as_str())
}

fn counts(shaping: &Shaping, host: &str, site: &str, domain: &Domain) -> Vec<Count> {
    let mut counts = shaping.counts([host], site);
    counts.extend(shaping.domain(domain.as_str()));
    counts
}

/// Who takes the letter.
pub(super) fn route(way: &Result<Way, String>) -> Gate {
    match way {
        Ok(way) => {
            let fixed = if way.is_fixed { "fixed, " } else { "" };
            let says = format!("{fixed}{}: {}", way.provider.name(), way.hosts.join(", "));
            Gate::open("route", says)
        }
        Err(why) => Gate::shut("route", why.clone()),
    }
}

/// The sources that letters of a stream leave from.
pub(super) fn sources(config: &Config, stream: &config::Stream) -> BTreeSet<String> {
    let pool = desk::pool(config, stream);
    let all = || config.smtp.sources.iter().map(|source| source.name.clone());
    let named: BTreeSet<String> = if pool.is_empty() {
        all().collect()
    } else {
        pool.into_iter().collect()
    };
    if named.is_empty() {
        BTreeSet::from(["default".to_owned()])
    } else {
        named
    }
}

/// The governor's gate is shut when no source may send now: paused, probing, or quiet.
pub(super) fn pace(way: &Way, sources: &BTreeSet<String>, routes: &[RouteView]) -> Gate {
    let name = "pace";
    let mine = of_way(way, sources, routes);
    let slow = pace::slow(&mine, Some(way.provider.name()), Some(&way.site));
    if slow.is_empty() {
        return Gate::open(name, "as fast as the profile allows".to_owned());
    }
    let says: Vec<String> = slow
        .iter()
        .map(|(view, state)| pace::sentence(view, state))
        .collect();
    let says = says.join("; ");
    let known: BTreeSet<&str> = slow
        .iter()
        .map(|(view, _)| view.route.source.as_str())
        .collect();
    let all_stand =
        known.len() == sources.len() && slow.iter().all(|(_, state)| pace::stands(state));
    if all_stand {
        Gate::shut(name, says)
    } else {
        Gate::open(name, format!("slowly: {says}"))
    }
}

/// What warm-ups allow the routes of this way today; a route that is warm, or never was cold, is not among them.
pub(super) async fn caps(
    store: &PgStore,
    way: &Way,
    sources: &BTreeSet<String>,
    today: i32,
) -> Result<Caps> {
    let mut caps = Caps::new();
    for (count, source) in way
        .counts
        .iter()
        .flat_map(|count| sources.iter().map(move |source| (count, source)))
    {
        let route = RouteKey {
            source: source.clone(),
            target: count.target.clone(),
        };
        let days = store.warm_days(&route, today).await?;
        let cap = days.into_iter().find(|day| day.day == today);
        if let Some(letters) = cap.and_then(|day| day.cap?.letters) {
            caps.insert(route, letters);
        }
    }
    Ok(caps)
}

/// Each count of the way that has a limit for the day, be it the profile's or a warm-up's, from every source together.
pub(super) fn daily(
    way: &Way,
    sources: &BTreeSet<String>,
    routes: &[RouteView],
    caps: &Caps,
) -> Gate {
    let name = "daily limit";
    let mut said = Vec::new();
    let mut is_open = true;
    for count in &way.counts {
        let each: Vec<Day> = sources
            .iter()
            .map(|source| Day::of(source, count, routes, caps))
            .collect();
        if each.iter().all(|day| day.limit.is_none()) {
            continue;
        }
        is_open &= each.iter().any(Day::has_room);
        let each: Vec<String> = each.iter().map(Day::to_string).collect();
        said.push(format!("{}: {}", plain(&count.target), each.join(", ")));
    }
    match (said.is_empty(), is_open) {
        (true, _) => Gate::open(name, "none".to_owned()),
        (false, true) => Gate::open(name, said.join("; ")),
        (false, false) => Gate::shut(name, format!("until midnight UTC; {}", said.join("; "))),
    }
}

/// A route's day.
struct Day {
    source: String,
    given: u32,
    limit: Option<u32>,
    is_warming: bool,
}

impl Day {
    fn of(source: &str, count: &Count, routes: &[RouteView], caps: &Caps) -> Self {
        let route = RouteKey {
            source: source.to_owned(),
            target: count.target.clone(),
        };
        let view = routes.iter().find(|view| view.route == route);
        let today = view.map_or(0, |view| view.today.granted.max(view.today.attempted));
        let (profile, warm) = (count.profile.messages_per_day, caps.get(&route).copied());
        let limit = [profile, warm].into_iter().flatten().min();
        Self {
            given: u32::try_from(today).unwrap_or(0),
            is_warming: warm.is_some() && warm == limit,
            limit,
            source: route.source,
        }
    }

    fn has_room(&self) -> bool {
        self.limit.is_none_or(|limit| self.given < limit)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", plain(&self.source), self.given)?;
        if let Some(limit) = self.limit {
            write!(f, " of {limit}")?;
        }
        if self.is_warming {
            f.write_str(" (warm-up)")?;
        }
        Ok(())
    }
}

/// The routes of these sources to any count of this way.
fn of_way(way: &Way, sources: &BTreeSet<String>, routes: &[RouteView]) -> Vec<RouteView> {
    let is_mine = |view: &&RouteView| {
        let counts = || {
            way.counts
                .iter()
                .any(|count| count.target == view.route.target)
        };
        sources.contains(&view.route.source) && counts()
    };
    routes.iter().filter(is_mine).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mail::{Phase, RouteKey, RouteState, Timestamp},
        policy::shaping::Profile,
        store::DayView,
    };

    fn way(per_day: Option<u32>) -> Way {
        Way {
            provider: Provider::of_mx("mxs.mail.ru"),
            site: "mxs.mail.ru".to_owned(),
            hosts: vec!["mxs.mail.ru".to_owned()],
            is_fixed: false,
            counts: vec![Count {
                target: "mailru".to_owned(),
                profile: Profile {
                    messages_per_day: per_day,
                    ..Profile::default()
                },
            }],
        }
    }

    fn view(source: &str, phase: Phase, granted: i32) -> RouteView {
        RouteView {
            route: RouteKey {
                source: source.to_owned(),
                target: "mailru".to_owned(),
            },
            state: Some(RouteState {
                phase,
                rate: Some(600),
                ceiling: None,
                connections: None,
                until: Some(Timestamp::from_seconds(1_795_000_600)),
                quiet_until: None,
                steps: 0,
                pauses: 0,
                cause: "421 too many letters".to_owned(),
                changed_at: Timestamp::from_seconds(1_795_000_000),
                by: "governor".to_owned(),
            }),
            today: DayView {
                granted,
                ..DayView::default()
            },
        }
    }

    fn sources(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn check(gate: &Gate, is_open: bool, says: &str) {
        assert_eq!((gate.is_open, gate.says.as_str()), (is_open, says));
    }

    #[test]
    fn the_pace_shuts_when_every_source_stands() {
        let both = sources(&["s1", "s2"]);
        let paused = view("s1", Phase::Paused, 0);
        let words = "s1 to mailru is paused until 2026-11-18 11:16:40: 421 too many letters";
        check(
            &pace(&way(None), &sources(&["s1"]), std::slice::from_ref(&paused)),
            false,
            words,
        );
        check(
            &pace(&way(None), &both, std::slice::from_ref(&paused)),
            true,
            &format!("slowly: {words}"),
        );
        let open = view("s2", Phase::Open, 0);
        check(
            &pace(&way(None), &both, &[paused, open]),
            true,
            "as fast as the profile allows",
        );
    }

    fn warming(source: &str, letters: u32) -> Caps {
        Caps::from([(view(source, Phase::Open, 0).route, letters)])
    }

    #[test]
    fn a_day_is_full_when_no_source_has_a_letter_left() {
        let (both, one) = (sources(&["s1", "s2"]), sources(&["s1"]));
        let full = [view("s1", Phase::Open, 100)];
        let cold = Caps::new();
        check(&daily(&way(None), &both, &[], &cold), true, "none");
        check(
            &daily(&way(Some(100)), &both, &full, &cold),
            true,
            "mailru: s1 100 of 100, s2 0 of 100",
        );
        check(
            &daily(&way(Some(100)), &one, &full, &cold),
            false,
            "until midnight UTC; mailru: s1 100 of 100",
        );
    }

    #[test]
    fn a_warm_up_may_allow_less_than_the_profile() {
        let (both, one) = (sources(&["s1", "s2"]), sources(&["s1"]));
        let full = [view("s1", Phase::Open, 50)];
        check(
            &daily(&way(None), &both, &full, &warming("s1", 50)),
            true,
            "mailru: s1 50 of 50 (warm-up), s2 0",
        );
        check(
            &daily(&way(Some(40)), &one, &full, &warming("s1", 60)),
            false,
            "until midnight UTC; mailru: s1 50 of 40",
        );
        check(
            &daily(&way(Some(1_000)), &one, &full, &warming("s1", 50)),
            false,
            "until midnight UTC; mailru: s1 50 of 50 (warm-up)",
        );
    }
}
