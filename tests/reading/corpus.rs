//! Shares of right answers on a corpus of real mails, where the variable `POSTRIDER_BOUNCES` names its folder: `eml/` with
//! the mails and `expected.jsonl` with what they say.

use std::{collections::BTreeMap, env, fs, path::Path};

use postrider::{
    bounce::mail::read,
    mail::{Action, Class, Report, ReportKind, Term, Told},
};
use serde_json::Value;

/// Hits and tries of one column.
#[derive(Default)]
struct Column {
    hits: u32,
    total: u32,
    misses: Vec<String>,
}

#[derive(Default)]
struct Score {
    columns: BTreeMap<&'static str, Column>,
    wrong_suppressions: u32,
    missed_suppressions: u32,
}

impl Score {
    fn mark(&mut self, column: &'static str, hit: bool, file: &str) {
        let column = self.columns.entry(column).or_default();
        column.total += 1;
        column.hits += u32::from(hit);
        if !hit {
            column.misses.push(file.to_owned());
        }
    }

    fn floor(&self, column: &str, percent: f64) {
        let column_score = &self.columns[column];
        let share = 100.0 * f64::from(column_score.hits) / f64::from(column_score.total);
        eprintln!(
            "{column}: {} of {} ({share:.2} %)",
            column_score.hits, column_score.total
        );
        assert!(
            share >= percent,
            "{column} {share:.2} % < {percent} %: {:?}",
            column_score.misses
        );
    }
}

#[test]
fn a_corpus_of_real_mails_is_read_as_well_as_promised() {
    let Ok(folder) = env::var("POSTRIDER_BOUNCES") else {
        eprintln!("SKIPPED: POSTRIDER_BOUNCES names no corpus");
        return;
    };
    let folder = Path::new(&folder);
    let mut score = Score::default();
    for line in fs::read_to_string(folder.join("expected.jsonl"))
        .unwrap()
        .lines()
    {
        let expected: Value = serde_json::from_str(line).unwrap();
        let file = expected["file"].as_str().unwrap();
        let report = read(&fs::read(folder.join("eml").join(file)).unwrap());
        one(&mut score, file, &expected, &report);
    }
    score.floor("bounce", 99.5);
    score.floor("autoreply", 100.0);
    score.floor("other", 100.0);
    score.floor("complaint", 100.0);
    score.floor("recipients", 99.0);
    score.floor("action", 98.0);
    score.floor("permanent", 99.0);
    score.floor("class", 97.0);
    score.floor("complainants", 100.0);
    assert_eq!(score.wrong_suppressions, 0);
    assert!(
        score.missed_suppressions <= 4,
        "{} missed",
        score.missed_suppressions
    );
}

fn one(score: &mut Score, file: &str, expected: &Value, report: &Report) {
    let kind = expected["kind"].as_str().unwrap();
    let column = match kind {
        "bounce" => "bounce",
        "autoreply" => "autoreply",
        "complaint" => "complaint",
        _ => "other",
    };
    let kinds = expected["kind_ok"]
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![expected["kind"].clone()]);
    score.mark(
        column,
        kinds.iter().any(|kind| kind == report.kind.name()),
        file,
    );
    let wanted = expected["recipients"].as_array().unwrap();
    if expected["recipients_scored"] == false || wanted.is_empty() {
        return;
    }
    if kind == "complaint" {
        let found = report
            .complaint
            .iter()
            .flat_map(|complaint| &complaint.original_rcpt_to);
        let found: Vec<String> = found.map(|address| address.to_lowercase()).collect();
        let all = wanted
            .iter()
            .all(|wanted| names(wanted).iter().any(|name| found.contains(name)));
        score.mark("complainants", all, file);
    } else if kind == "bounce" {
        bounced(score, file, wanted, report);
    }
}

fn bounced(score: &mut Score, file: &str, wanted: &[Value], report: &Report) {
    let mut all = report.kind == ReportKind::Bounce;
    for wanted in wanted {
        let names = names(wanted);
        let found = report
            .recipients
            .iter()
            .find(|told| names.contains(&told.address.to_lowercase()));
        all &= found.is_some();
        recipient(score, file, wanted, found);
    }
    score.mark("recipients", all, file);
}

fn recipient(score: &mut Score, file: &str, wanted: &Value, found: Option<&Told>) {
    if let Some(action) = wanted["action"].as_str() {
        score.mark(
            "action",
            found.is_some_and(|told| told.action.name() == action),
            file,
        );
    }
    if let Some(permanent) = wanted["permanent"].as_bool() {
        score.mark(
            "permanent",
            found.is_some_and(|told| told.is_permanent() == permanent),
            file,
        );
    }
    if let Some(classes) = wanted["class"].as_array() {
        let class = found.map(|told| {
            told.finding
                .as_ref()
                .map_or("delivered", |finding| finding.class.name())
        });
        score.mark(
            "class",
            classes.iter().any(|wanted| wanted.as_str() == class),
            file,
        );
    }
    match (wanted["hard"].as_bool(), found.is_some_and(is_hard)) {
        (Some(false), true) => {
            eprintln!("WRONG SUPPRESSION in {file}");
            score.wrong_suppressions += 1;
        }
        (Some(true), false) => score.missed_suppressions += 1,
        _ => {}
    }
}

fn is_hard(told: &Told) -> bool {
    let finding = told.finding.as_ref();
    let gone = finding.is_some_and(|finding| {
        finding.term == Term::Permanent
            && matches!(finding.class, Class::BadMailbox | Class::BadDomain)
    });
    gone && told.is_permanent() && told.action == Action::Failed
}

fn names(wanted: &Value) -> Vec<String> {
    let also = wanted["also"].as_array().into_iter().flatten();
    let all = std::iter::once(&wanted["address"]).chain(also);
    all.map(|name| {
        name.as_str()
            .unwrap()
            .trim_matches(['<', '>'])
            .to_lowercase()
    })
    .collect()
}
