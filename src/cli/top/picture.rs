//! One look as a picture and as JSON. Pure.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::{
    cli::{
        pace,
        table::Table,
        words::{moment, plain, span},
    },
    mail::{Phase, Timestamp},
    policy::waits::Cause,
    store::{HoldView, NodeView, Outcome, RouteView, Waiting, Waits},
};

/// A node that has not beaten for so long is not there, whatever its row says.
const SILENT: Duration = Duration::from_secs(7);

/// Everything that was seen.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) at: Timestamp,
    /// The time that the outcomes are of.
    pub(super) over: Duration,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) waits: Waits,
    pub(super) counted_ago: Duration,
    pub(super) routes: Vec<RouteView>,
    pub(super) nodes: Vec<NodeView>,
    pub(super) holds: Vec<HoldView>,
}

/// By what providers are sorted, the most first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Rate,
    Deferred,
    Bounced,
    Waiting,
    Name,
}

/// A provider in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Row {
    delivered: f64,
    deferred: f64,
    bounced: f64,
    ready: i64,
    waiting: i64,
    /// Of those that wait.
    quiet: i64,
    held: i64,
    oldest_at: Option<Timestamp>,
}

impl Row {
    fn hear(&mut self, outcome: &Outcome, over: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "counts of seconds are small")]
        let rate = outcome.events as f64 / over.as_secs_f64().max(0.001);
        match outcome.kind.as_str() {
            "delivered" => self.delivered += rate,
            "deferred" => self.deferred += rate,
            "bounced" => self.bounced += rate,
            _ => {}
        }
    }

    fn wait(&mut self, line: &Waiting) {
        match line.cause {
            Cause::Queue | Cause::Pace => self.ready += line.letters,
            Cause::Hold => self.held += line.letters,
            Cause::Work => {}
            _ => self.waiting += line.letters,
        }
        self.quiet += i64::from(line.cause == Cause::QuietHours) * line.letters;
        self.oldest_at = [self.oldest_at, line.oldest_at].into_iter().flatten().min();
    }
}

fn rows(look: &Look) -> (Row, BTreeMap<&str, Row>) {
    let mut all = Row::default();
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    for outcome in &look.outcomes {
        let is_told = ["delivered", "deferred", "bounced"].contains(&outcome.kind.as_str());
        if is_told {
            all.hear(outcome, look.over);
            let name = outcome.provider.as_deref().unwrap_or("nobody reached");
            rows.entry(name).or_default().hear(outcome, look.over);
        }
    }
    for line in &look.waits.providers {
        all.wait(line);
        let name = line.name.as_deref().unwrap_or("not known yet");
        rows.entry(name).or_default().wait(line);
    }
    (all, rows)
}

fn sorted<'a>(rows: &BTreeMap<&'a str, Row>, order: Order) -> Vec<(&'a str, Row)> {
    let mut rows: Vec<(&str, Row)> = rows.iter().map(|(name, row)| (*name, *row)).collect();
    let by = |rows: &mut Vec<(&str, Row)>, figure: fn(&Row) -> f64| {
        rows.sort_by(|one, other| figure(&other.1).total_cmp(&figure(&one.1)));
    };
    match order {
        Order::Name => {}
        Order::Rate => by(&mut rows, |row| row.delivered),
        Order::Deferred => by(&mut rows, |row| row.deferred),
        Order::Bounced => by(&mut rows, |row| row.bounced),
        Order::Waiting => {
            rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.ready + row.waiting + row.held));
        }
    }
    rows
}

/// The picture.
pub(super) fn draw(look: &Look, order: Order) -> String {
    let (all, rows) = rows(look);
    let mut parts = vec![head(look, &all)];
    let mut table = Table::new(&[
        "provider",
        "delivered/s",
        "deferred/s",
        "bounced/s",
        "ready",
        "waiting",
        "held",
        "oldest",
    ]);
    for (name, row) in sorted(&rows, order) {
        let [delivered, deferred, bounced] =
            [row.delivered, row.deferred, row.bounced].map(|rate| format!("{rate:.1}"));
        let [ready, waiting, held] =
            [row.ready, row.waiting, row.held].map(|count| count.to_string());
        let oldest = age(row.oldest_at, look.at);
        table.row([
            name, &delivered, &deferred, &bounced, &ready, &waiting, &held, &oldest,
        ]);
    }
    let tables = [table, routes(look), nodes(look), holds(look)];
    let filled = tables.iter().filter(|table| !table.is_empty());
    parts.extend(filled.map(ToString::to_string));
    parts.join("\n\n")
}

fn head(look: &Look, all: &Row) -> String {
    format!(
        "{}  {:.1} delivered/s  {:.1} deferred/s  {:.1} bounced/s, over {}\nqueue: {} ready, {} waiting ({} in quiet hours), {} held, oldest {}; counted {} ago",
        moment(look.at),
        all.delivered,
        all.deferred,
        all.bounced,
        span(look.over),
        all.ready,
        all.waiting,
        all.quiet,
        all.held,
        age(all.oldest_at, look.at),
        span(look.counted_ago),
    )
}

fn age(since: Option<Timestamp>, now: Timestamp) -> String {
    since.map_or_else(|| "-".to_owned(), |at| span(now.since(at)))
}

/// The routes that go as their profiles allow need no line.
fn routes(look: &Look) -> Table {
    let mut table = Table::new(&["slow route", "accepted today", "deferred today"]);
    for view in &look.routes {
        if let Some(state) = view
            .state
            .as_ref()
            .filter(|state| state.phase != Phase::Open)
        {
            table.row([
                pace::sentence(view, state),
                view.today.accepted.to_string(),
                view.today.deferred.to_string(),
            ]);
        }
    }
    table
}

fn nodes(look: &Look) -> Table {
    let mut table = Table::new(&["node", "seen", ""]);
    for node in &look.nodes {
        let silence = look.at.since(node.seen_at);
        let word = if silence > SILENT { "silent" } else { "works" };
        table.row([
            node.name.clone(),
            format!("{} ago", span(silence)),
            word.to_owned(),
        ]);
    }
    table
}

fn holds(look: &Look) -> Table {
    let mut table = Table::new(&["hold", "on", "letters", "by", "why"]);
    for view in &look.holds {
        let hold = &view.hold;
        table.row([
            hold.id.0.to_string(),
            format!("{} {}", hold.on.kind(), hold.on.value())
                .trim_end()
                .to_owned(),
            view.letters.to_string(),
            hold.author.clone(),
            plain(&hold.reason),
        ]);
    }
    table
}

/// The same for programs.
pub(super) fn wire(look: &Look) -> Value {
    let (all, rows) = rows(look);
    let row = |row: &Row| {
        json!({"delivered_per_second": row.delivered, "deferred_per_second": row.deferred,
            "bounced_per_second": row.bounced, "ready": row.ready, "waiting": row.waiting, "held": row.held,
            "quiet_hours": row.quiet, "oldest_at": row.oldest_at.map(|at| at.to_string())})
    };
    let providers = rows.iter().map(|(name, figures)| {
        let mut wire = row(figures);
        wire["provider"] = json!(name);
        wire
    });
    let routes = look.routes.iter().filter_map(|view| {
        let state = view.state.as_ref()?;
        Some(pace::wire(view, state))
    });
    let nodes = look.nodes.iter().map(|node| {
        json!({"name": node.name, "seen_at": node.seen_at.to_string(), "works": look.at.since(node.seen_at) <= SILENT})
    });
    let holds = look.holds.iter().map(|view| {
        json!({"id": view.hold.id.0, "kind": view.hold.on.kind(), "value": view.hold.on.value(), "letters": view.letters,
            "author": view.hold.author, "reason": view.hold.reason})
    });
    json!({
        "at": look.at.to_string(),
        "over_seconds": look.over.as_secs_f64(),
        "counted_seconds_ago": look.counted_ago.as_secs_f64(),
        "all": row(&all),
        "providers": providers.collect::<Vec<_>>(),
        "routes": routes.collect::<Vec<_>>(),
        "nodes": nodes.collect::<Vec<_>>(),
        "holds": holds.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mail::{Hold, HoldId, HoldOn, Provider, RouteKey, RouteState, Share},
        store::DayView,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_795_000_000 + seconds)
    }

    fn outcome(provider: Option<&str>, kind: &str, events: i64) -> Outcome {
        Outcome {
            provider: provider.map(str::to_owned),
            kind: kind.to_owned(),
            events,
        }
    }

    fn waiting(provider: Option<&str>, cause: Cause, letters: i64) -> Waiting {
        Waiting {
            name: provider.map(str::to_owned),
            provider: None,
            site: None,
            cause,
            class: None,
            letters,
            oldest_at: Some(at(-letters)),
            due_at: None,
        }
    }

    fn look() -> Look {
        Look {
            at: at(0),
            over: Duration::from_secs(10),
            outcomes: vec![
                outcome(Some("google"), "delivered", 40),
                outcome(Some("mailru"), "delivered", 125),
                outcome(Some("mailru"), "deferred", 30),
                outcome(None, "bounced", 2),
                outcome(None, "queued", 900),
            ],
            waits: Waits {
                providers: vec![
                    waiting(Some("google"), Cause::Queue, 70),
                    waiting(Some("mailru"), Cause::Throttle, 4_000),
                    waiting(Some("mailru"), Cause::QuietHours, 20),
                    waiting(Some("mailru"), Cause::Hold, 12),
                    waiting(None, Cause::Schedule, 5),
                    waiting(None, Cause::Work, 3),
                ],
                ..Waits::default()
            },
            counted_ago: Duration::from_millis(400),
            routes: vec![RouteView {
                route: RouteKey {
                    source: "s1".to_owned(),
                    target: "mailru".to_owned(),
                },
                state: Some(RouteState {
                    phase: Phase::Holding,
                    rate: Some(1_800),
                    ceiling: None,
                    connections: None,
                    until: Some(at(120)),
                    quiet_until: None,
                    steps: 0,
                    pauses: 0,
                    cause: "421 too many\u{1b}[2J letters".to_owned(),
                    changed_at: at(0),
                    by: "governor".to_owned(),
                }),
                today: DayView {
                    accepted: 900,
                    deferred: 31,
                    ..DayView::default()
                },
            }],
            nodes: vec![
                NodeView {
                    name: "a".to_owned(),
                    seen_at: at(-1),
                    shares: vec![("s1".to_owned(), Share::ALL)],
                },
                NodeView {
                    name: "b".to_owned(),
                    seen_at: at(-9),
                    shares: Vec::new(),
                },
            ],
            holds: vec![HoldView {
                hold: Hold {
                    id: HoldId(3),
                    on: HoldOn::Provider(Provider::Mailru),
                    author: "anna".to_owned(),
                    reason: "complaints rise".to_owned(),
                    since: at(-60),
                },
                released: None,
                letters: 12,
            }],
        }
    }

    #[test]
    fn a_look_is_a_picture() {
        insta::assert_snapshot!(draw(&look(), Order::Rate));
        insta::assert_json_snapshot!(wire(&look()));
    }

    #[test]
    fn providers_stand_in_the_order_that_was_asked_for() {
        let look = look();
        let (_, rows) = rows(&look);
        let first = |order: Order| sorted(&rows, order)[0].0;
        assert_eq!(first(Order::Rate), "mailru");
        assert_eq!(first(Order::Deferred), "mailru");
        assert_eq!(first(Order::Bounced), "nobody reached");
        assert_eq!(first(Order::Waiting), "mailru");
        assert_eq!(first(Order::Name), "google");
    }

    #[test]
    fn a_look_at_nothing_is_still_a_picture() {
        let nothing = Look {
            outcomes: Vec::new(),
            waits: Waits::default(),
            routes: Vec::new(),
            nodes: Vec::new(),
            holds: Vec::new(),
            ..look()
        };
        assert_eq!(draw(&nothing, Order::Name).lines().count(), 2);
    }
}
