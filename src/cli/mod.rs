//! The command line: `noun verb`, one file per noun.
//!
//! Owns the tree of commands and their exit codes. Promises: data goes to standard output, talk to standard error; with
//! `--json` every line of data is one JSON object; a reader that goes away (`| head`) ends the program quietly. Leaves the
//! work to the rooms below. Read `session` for which database a command works on.

mod bounce;
mod check;
mod config;
mod database;
mod demo;
mod dkim;
mod dns;
mod events;
mod failure;
mod inbound;
mod key;
mod letter;
mod lint;
mod migrate;
mod out;
mod pace;
mod pieces;
mod queue;
mod report;
mod route;
mod send;
mod serve;
mod session;
mod settings;
mod sim;
mod sink;
mod suppression;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod token;
mod top;
mod warmup;
mod why_not;
mod words;

use std::{ffi::OsString, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use out::Out;
use settings::Settings;

const AFTER: &str = "\
Exit codes: 0 done; 1 failed, or something is wrong with what was looked at; 2 the command line is wrong.

Without a database address every command works on the private PostgreSQL below `data_folder`: it starts it, or joins the \
program that runs it already (`postrider serve`).

First steps:
  postrider demo                          watch letters leave for a small internet on this machine
  postrider config default > postrider.toml
  postrider dkim new example.com          make a signing key and see its DNS record
  postrider serve                         run a node
  postrider send letters.ndjson           put letters into the queue";

/// Deliver bulk mail from PostgreSQL, signed, paced and accounted for.
#[derive(Debug, Parser)]
#[command(name = "postrider", version, after_help = AFTER, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Send(send::Send),
    /// Look at letters and withdraw them.
    #[command(subcommand)]
    Letter(letter::Letter),
    WhyNot(why_not::WhyNot),
    Top(top::Top),
    /// Look at what is still to be done.
    #[command(subcommand)]
    Queue(queue::Queue),
    Inbound(inbound::Inbound),
    Events(events::Events),
    Report(report::Report),
    /// Look at the pace towards each provider, and change it.
    #[command(subcommand)]
    Route(route::Route),
    /// Bring new sources to their volume.
    #[command(subcommand)]
    Warmup(warmup::Warmup),
    /// Say what refusals and bounces mean.
    #[command(subcommand)]
    Bounce(bounce::Bounce),
    /// Say who is not written to.
    #[command(subcommand)]
    Suppression(suppression::Suppression),
    /// Make and revoke the keys of the HTTP interface.
    #[command(subcommand)]
    Key(key::Key),
    /// Look at the secrets under return paths and links, and make new ones.
    #[command(subcommand)]
    Token(token::Token),
    Check(check::Check),
    Dns(dns::Dns),
    /// Make signing keys, show their DNS records, and replace them in time.
    #[command(subcommand)]
    Dkim(dkim::Dkim),
    Lint(lint::Lint),
    /// Look at the templates and try them out.
    #[command(subcommand)]
    Template(template::Template),
    /// Check, show or begin a configuration.
    #[command(subcommand)]
    Config(config::Config),
    Migrate(migrate::Migrate),
    /// Work with the private PostgreSQL.
    #[command(subcommand, hide = true)]
    Database(database::Database),
    Sink(sink::Sink),
    Sim(sim::Sim),
}

/// Runs one command line and says how it went.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Cli::try_parse_from(arguments) {
        Ok(cli) => start(cli).unwrap_or_else(|error| failure::tell(&error)),
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // A reader who has gone away needs no help text.
            let _ = error.print();
            ExitCode::from(code)
        }
    }
}

fn start(cli: Cli) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let code = runtime.block_on(act(cli));
    // A thread that waits for standard input would keep the program from ending.
    runtime.shutdown_background();
    code
}

async fn act(cli: Cli) -> Result<ExitCode> {
    let mut out = Out::standard(cli.settings.json);
    let code = choose(cli.command, &cli.settings, &mut out).await?;
    out.flush()?;
    Ok(code)
}

async fn choose(command: Command, settings: &Settings, out: &mut Out) -> Result<ExitCode> {
    match command {
        Command::Serve(serve) => serve.run(settings).await,
        Command::Demo(demo) => demo.run(settings, out).await,
        Command::Send(send) => send.run(settings, out).await,
        Command::Letter(letter) => letter.run(settings, out).await,
        Command::WhyNot(why_not) => why_not.run(settings, out).await,
        Command::Top(top) => top.run(settings, out).await,
        Command::Queue(queue) => queue.run(settings, out).await,
        Command::Inbound(inbound) => inbound.run(settings, out).await,
        Command::Token(token) => token.run(settings, out),
        Command::Events(events) => events.run(settings, out).await,
        Command::Report(report) => report.run(settings, out).await,
        Command::Route(route) => route.run(settings, out).await,
        Command::Warmup(warmup) => warmup.run(settings, out).await,
        Command::Bounce(bounce) => bounce.run(out),
        Command::Suppression(suppression) => suppression.run(settings, out).await,
        Command::Key(key) => key.run(settings, out).await,
        Command::Check(check) => check.run(settings, out).await,
        Command::Dns(dns) => dns.run(settings, out),
        Command::Dkim(dkim) => dkim.run(settings, out).await,
        Command::Lint(lint) => lint.run(settings, out),
        Command::Template(template) => template.run(settings, out),
        Command::Config(config) => config.run(settings, out),
        Command::Migrate(migrate) => migrate.run(settings, out).await,
        Command::Database(database) => database.run(settings).await,
        Command::Sink(sink) => sink.run(out).await,
        Command::Sim(sim) => sim.run(out).await,
    }
}
