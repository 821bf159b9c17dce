//! A running node checks its sending domains again and again.
//!
//! Owns the rounds. Promises: what appears or goes is logged once, with its rule, counted, and kept as history once for all nodes
//! and over restarts (`store::changes`); the gauges show the last round; a
//! check that cannot be made is said and tried again at the next round; the first round waits until the doors are open.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::Result;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{check, domains, inquirer, subject};
use crate::{
    check::{Finding, Level, Subject, report},
    config::Config,
    mail::Timestamp,
    metrics::Metrics,
    net::SystemClock,
    port::Clock,
    store::{CheckChange, PgStore},
};

/// The listener and the HTTP interface are open by then.
const FIRST: Duration = Duration::from_secs(20);

/// Checks until told to stop.
pub(in crate::app) async fn watch(
    config: Arc<Config>,
    store: PgStore,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    if !config.check.while_serving {
        stop.cancelled().await;
        return;
    }
    let mut before = BTreeSet::new();
    let mut wait = FIRST;
    while stop
        .run_until_cancelled(tokio::time::sleep(wait))
        .await
        .is_some()
    {
        wait = config.check.every.0;
        let Some(round) = stop.run_until_cancelled(round(&config)).await else {
            return;
        };
        match round {
            Ok((domains, findings)) => {
                tell(&before, &findings, &metrics);
                keep(&store, &domains, &findings).await;
                before = findings.iter().map(name).collect();
            }
            Err(trouble) => {
                error!("The set-up could not be checked; the next round tries again: {trouble:#}");
            }
        }
    }
}

type Found = (String, Finding);

fn name((domain, finding): &Found) -> (String, &'static str, String) {
    (domain.clone(), finding.rule.id, finding.about.clone())
}

/// Writes what came and went where `postrider check --history` finds it.
async fn keep(store: &PgStore, domains: &[String], findings: &[Found]) {
    let at = SystemClock.now();
    let standing: Vec<CheckChange> = findings.iter().map(|found| standing(found, at)).collect();
    if let Err(trouble) = store.note_check(domains, &standing, at).await {
        error!(error = ?trouble, "What changed of the set-up was not kept; the next round tries again");
    }
}

fn standing((domain, finding): &Found, at: Timestamp) -> CheckChange {
    CheckChange {
        at,
        domain: domain.clone(),
        finding: finding.rule.id.to_owned(),
        about: storable(&finding.about),
        level: finding.rule.level.name().to_owned(),
        appeared: true,
        found: storable(&finding.found),
    }
}

/// A record may hold any octet; PostgreSQL keeps no zero octet in a text.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

async fn round(config: &Arc<Config>) -> Result<(Vec<String>, Vec<Found>)> {
    let world = inquirer(config)?;
    let reading = Arc::clone(config);
    let subjects: Result<Vec<Subject>> = spawn_blocking(move || {
        let domains = domains(&reading)?;
        domains
            .iter()
            .map(|domain| subject(&reading, domain))
            .collect()
    })
    .await?;
    let (mut domains, mut found) = (Vec::new(), Vec::new());
    for subject in subjects? {
        domains.push(subject.domain.to_string());
        let checked = check(&subject, &world, SystemClock.now()).await;
        let grave = checked
            .findings
            .into_iter()
            .filter(|finding| finding.rule.level > Level::Ok);
        found.extend(grave.map(|finding| (subject.domain.to_string(), finding)));
    }
    Ok((domains, found))
}

fn tell(before: &BTreeSet<(String, &'static str, String)>, findings: &[Found], metrics: &Metrics) {
    let mut now = BTreeSet::new();
    for level in [Level::Note, Level::Warning, Level::Failure] {
        let count = findings
            .iter()
            .filter(|(_, finding)| finding.rule.level == level)
            .count();
        metrics.checked(level.name(), count);
    }
    for found in findings {
        let key = name(found);
        if !before.contains(&key) {
            metrics.check_changed("appeared");
            appeared(&found.0, &found.1);
        }
        now.insert(key);
    }
    for (domain, rule, about) in before.difference(&now) {
        metrics.check_changed("went");
        info!(domain = %domain, rule = %rule, about = %about, "A fault of the set-up is gone: {rule} of {about}");
    }
}

fn appeared(domain: &str, finding: &Finding) {
    let (rule, about) = (finding.rule.id, finding.about.as_str());
    let fixes: Vec<String> = finding.fixes.iter().map(report::words).collect();
    let fix = fixes.join("; ");
    match finding.rule.level {
        Level::Failure => error!(
            domain,
            rule, about, fix, "Letters are refused or junked: {rule} of {about}: {}", finding.found
        ),
        Level::Warning => warn!(
            domain,
            rule, about, fix, "The set-up has a fault: {rule} of {about}: {}", finding.found
        ),
        _ => info!(
            domain,
            rule, about, fix, "The set-up could be better: {rule} of {about}: {}", finding.found
        ),
    }
}
