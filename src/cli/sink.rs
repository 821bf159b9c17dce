//! `postrider sink`: a receiver for measurements.

use std::{net::SocketAddr, process::ExitCode};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::{
    out::{Out, say},
    table::Table,
};
use crate::{
    config::Period,
    sim::{Sink as Receiver, SinkPlan, SinkTally},
};

/// Run a mail server that takes every letter and keeps none, until Ctrl-C; then print what it counted.
#[derive(Debug, Args)]
pub(super) struct Sink {
    /// Listen here.
    #[arg(long, default_value = "127.0.0.1:2525", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Wait so long before each reply, as a distant server would.
    #[arg(long, default_value = "0ms", value_name = "SPAN")]
    latency: Period,
    /// Refuse this share of recipients for now (451).
    #[arg(long, default_value_t = 0.0, value_name = "0..1", value_parser = share)]
    defer: f64,
    /// Refuse this share of recipients for good (550).
    #[arg(long, default_value_t = 0.0, value_name = "0..1", value_parser = share)]
    bounce: f64,
    /// Offer STARTTLS with a certificate made a moment ago.
    #[arg(long)]
    starttls: bool,
    /// The same seed refuses the same recipients.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Sink {
    pub(super) async fn run(self, out: &mut Out) -> Result<ExitCode> {
        let receiver = Receiver::start(SinkPlan {
            listen: self.listen,
            starttls: self.starttls,
            latency: self.latency.0,
            deferred: self.defer,
            bounced: self.bounce,
            seed: self.seed,
        })
        .await?;
        say(format!(
            "Taking letters at {}; Ctrl-C ends and counts.",
            receiver.address()
        ));
        tokio::signal::ctrl_c()
            .await
            .context("waiting for Ctrl-C")?;
        print(out, receiver.stop().await)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn print(out: &mut Out, tally: SinkTally) -> Result<()> {
    let lines = [
        ("connections", tally.connections),
        ("under TLS", tally.tls_connections),
        ("letters taken", tally.accepted),
        ("refused for now", tally.deferred),
        ("refused for good", tally.bounced),
        ("octets read", tally.bytes),
    ];
    let mut table = Table::new(&["count", "of"]);
    for (name, number) in lines {
        table.row([&number.to_string(), name]);
    }
    let wire = json!({"connections": tally.connections, "tls_connections": tally.tls_connections,
        "accepted": tally.accepted, "deferred": tally.deferred, "bounced": tally.bounced, "bytes": tally.bytes});
    out.thing(&wire, table)
}

fn share(text: &str) -> Result<f64, &'static str> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or("a share is a number from 0 to 1")
}
