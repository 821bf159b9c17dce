//! `postrider queue`: what is still to be done.

mod brakes;
mod cancel;
mod hold;
mod walk;

pub(super) use walk::{Author, words};

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    out::Out,
    session::{self, now},
    settings::Settings,
    table::Table,
    words::{moment_or_dash, span},
};
use crate::{
    mail::Timestamp,
    store::{LaneStatus, QueueStatus, Waiting},
};

#[derive(Debug, Subcommand)]
pub(super) enum Queue {
    /// Count the queue: by state, by recipient domain, and by provider what waits after a refusal.
    Status {
        /// Show so many recipient domains, the longest lines first.
        #[arg(long, default_value_t = 10, value_name = "N")]
        domains: u32,
    },
    /// Keep letters here: by provider, site, domain, campaign, stream, or all of them.
    ///
    /// Nodes that run stop within half a second; letters already on the wire go on. Held letters are not lost, do not count
    /// as attempts, and expire only by their own `valid_until`.
    Hold(hold::Hold),
    /// Let held letters go.
    Release(hold::Release),
    /// List the holds, by whom and why, with the letters under each.
    List(hold::List),
    /// Show how campaigns fare at each provider, and what the brakes warned of or stopped.
    Brakes(brakes::Brakes),
    /// Withdraw waiting letters for good: by domain, campaign, stream, hold, or all of them.
    Cancel(cancel::Cancel),
}

impl Queue {
    pub(super) async fn run(self, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
        let domains = match self {
            Self::Status { domains } => domains,
            Self::Hold(hold) => return hold.run(settings, out).await,
            Self::Release(release) => return release.run(settings, out).await,
            Self::List(list) => return list.run(settings, out).await,
            Self::Brakes(brakes) => return brakes.run(settings, out).await,
            Self::Cancel(cancel) => return cancel.run(settings, out).await,
        };
        let (queue, waiting) = session::with(settings, async |session| {
            // The counts come with the lanes, so at least one lane is asked for.
            let mut queue = session.store.queue_status(domains.max(1)).await?;
            queue.lanes.truncate(domains as usize);
            Ok((queue, session.store.waiting().await?))
        })
        .await?;
        if out.is_json() {
            out.json(&wire(&queue, &waiting))?;
        } else {
            show(out, &queue, &waiting, now())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(out: &mut Out, queue: &QueueStatus, waiting: &[Waiting], now: Timestamp) -> Result<()> {
    let mut states = Table::new(&["letters", "state"]);
    states.row([&queue.ready.to_string(), "ready to go"]);
    states.row([
        &queue.waiting.to_string(),
        "waiting for their time or a retry",
    ]);
    states.row([
        &queue.held.to_string(),
        "held back: see `postrider queue list`",
    ]);
    states.row([&queue.leased.to_string(), "in the hands of a worker"]);
    out.line(states)?;
    if !queue.lanes.is_empty() {
        out.line(format!("\n{}", domains(&queue.lanes, now)))?;
    }
    if !waiting.is_empty() {
        out.line(format!("\n{}", refused(waiting)))?;
    }
    Ok(())
}

fn domains(lanes: &[LaneStatus], now: Timestamp) -> Table {
    let mut table = Table::new(&["domain", "ready", "waiting", "held", "leased", "oldest due"]);
    for lane in lanes {
        let counts =
            [lane.ready, lane.waiting, lane.held, lane.leased].map(|count| count.to_string());
        let [ready, waiting, held, leased] = &counts;
        table.row([&lane.domain, ready, waiting, held, leased, &due(lane, now)]);
    }
    table
}

fn due(lane: &LaneStatus, now: Timestamp) -> String {
    match lane.head_due_at {
        None => "-".to_owned(),
        Some(at) if at <= now => format!("{} ago", span(now.since(at))),
        Some(at) => format!("in {}", span(at.since(now))),
    }
}

fn refused(waiting: &[Waiting]) -> Table {
    let mut table = Table::new(&["waits after a refusal by", "class", "letters", "next due"]);
    for line in waiting {
        table.row([
            &line.provider,
            line.class.as_deref().unwrap_or("-"),
            &line.letters.to_string(),
            &moment_or_dash(line.next_due_at),
        ]);
    }
    table
}

fn wire(queue: &QueueStatus, waiting: &[Waiting]) -> Value {
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let lane = |lane: &LaneStatus| {
        json!({"domain": lane.domain, "ready": lane.ready, "waiting": lane.waiting, "held": lane.held, "leased": lane.leased,
            "head_due_at": text(lane.head_due_at)})
    };
    let refused = |waits: &Waiting| {
        json!({"provider": waits.provider, "class": waits.class, "letters": waits.letters,
            "next_due_at": text(waits.next_due_at)})
    };
    json!({
        "ready": queue.ready,
        "waiting": queue.waiting,
        "held": queue.held,
        "leased": queue.leased,
        "domains": queue.lanes.iter().map(lane).collect::<Vec<_>>(),
        "refused": waiting.iter().map(refused).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head_due_at: Option<i64>, expected: &str) {
        let lane = LaneStatus {
            domain: "example.com".to_owned(),
            ready: 1,
            waiting: 0,
            held: 0,
            leased: 0,
            head_due_at: head_due_at.map(Timestamp::from_seconds),
        };
        assert_eq!(due(&lane, Timestamp::from_seconds(1_000)), expected);
    }

    #[test]
    fn the_head_of_a_line_was_due_or_will_be() {
        check(None, "-");
        check(Some(910), "1m 30s ago");
        check(Some(1_005), "in 5s");
    }
}
