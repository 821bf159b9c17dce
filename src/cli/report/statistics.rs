//! `postrider report dmarc|tls`: what receivers report in sum.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::{
    cli::{
        out::{Out, say},
        session::{self, now},
        settings::Settings,
        table::Table,
        words::{Since, moment_or_dash},
    },
    mail::StatisticsKind,
    store::StatisticsSum,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Statistics {
    /// Reports since this moment, or of the last 2h, 3d, ...
    #[arg(long, value_name = "MOMENT|SPAN", default_value = "30d")]
    since: Since,
    /// Only what fails.
    #[arg(long)]
    failing: bool,
}

impl Statistics {
    pub(super) async fn run(
        self,
        kind: StatisticsKind,
        settings: &Settings,
        out: &mut Out,
    ) -> Result<ExitCode> {
        let since = self.since.before(now());
        let sums = session::with(settings, async |session| {
            Ok(session.store.statistics(kind, since).await?)
        })
        .await?;
        let shown: Vec<&StatisticsSum> = sums
            .iter()
            .filter(|sum| !self.failing || sum.failed > 0)
            .collect();
        if out.is_json() {
            shown.iter().try_for_each(|sum| out.json(&wire(sum)))?;
        } else if shown.is_empty() {
            say(format!(
                "No {} report has come in that time. They go to the address that `postrider dns DOMAIN` prints.",
                kind.name()
            ));
        } else {
            out.line(table(kind, &shown))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn table(kind: StatisticsKind, sums: &[&StatisticsSum]) -> Table {
    let mut table = match kind {
        StatisticsKind::Dmarc => Table::new(&[
            "reporter",
            "from",
            "source",
            "letters",
            "failed",
            "no dkim",
            "no spf",
            "failing since",
            "last",
            "done",
            "seen",
        ]),
        StatisticsKind::Tls => Table::new(&[
            "reporter",
            "domain",
            "host",
            "sessions",
            "failed",
            "failing since",
            "last",
            "what",
            "seen",
        ]),
    };
    for sum in sums {
        let source = sum.source.clone().unwrap_or_else(|| "-".to_owned());
        let (count, failed) = (sum.count.to_string(), sum.failed.to_string());
        let (since, last) = (moment_or_dash(sum.since), moment_or_dash(sum.last));
        match kind {
            StatisticsKind::Dmarc => table.row([
                &sum.reporter,
                &sum.subject,
                &source,
                &count,
                &failed,
                &sum.without_dkim.to_string(),
                &sum.without_spf.to_string(),
                &since,
                &last,
                &sum.verdicts,
                &sum.detail,
            ]),
            StatisticsKind::Tls => table.row([
                &sum.reporter,
                &sum.domain,
                &source,
                &count,
                &failed,
                &since,
                &last,
                &sum.verdicts,
                &sum.detail,
            ]),
        }
    }
    table
}

fn wire(sum: &StatisticsSum) -> serde_json::Value {
    json!({
        "reporter": sum.reporter, "domain": sum.domain, "source": sum.source, "subject": sum.subject, "count": sum.count,
        "failed": sum.failed, "without_dkim": sum.without_dkim, "without_spf": sum.without_spf, "verdicts": sum.verdicts,
        "detail": sum.detail, "failing_since": sum.since.map(|at| at.to_string()),
        "failing_last": sum.last.map(|at| at.to_string()),
    })
}
