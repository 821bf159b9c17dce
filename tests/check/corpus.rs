//! Every finding has a set-up that triggers it, the good one triggers none, and the fix that is printed mends it.

use std::{collections::BTreeMap, fmt::Write as _};

use postrider::check::{Finding, Level, rules::ALL};

use super::world::{World, text_of};

/// Id and lines.
fn broken() -> BTreeMap<String, Vec<String>> {
    let text = text_of("broken.txt");
    let mut cases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut id = String::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            name.clone_into(&mut id);
            assert!(cases.insert(id.clone(), Vec::new()).is_none(), "{id} twice");
        } else {
            cases.get_mut(&id).unwrap().push(line.to_owned());
        }
    }
    cases
}

fn faults(findings: &[Finding]) -> Vec<&Finding> {
    findings
        .iter()
        .filter(|finding| finding.rule.level > Level::Ok)
        .collect()
}

async fn world(lines: &[String]) -> World {
    let mut world = World::good().await;
    for line in lines {
        world.change(line);
    }
    world
}

#[tokio::test]
async fn nobody_finds_fault_with_the_good_set_up() {
    let checked = World::good().await.check().await;
    let seen = faults(&checked.findings);
    assert!(seen.is_empty(), "{seen:#?}");
    let good: Vec<&str> = checked
        .findings
        .iter()
        .map(|finding| finding.rule.id)
        .collect();
    for area in ALL.iter().filter(|rule| rule.level == Level::Ok) {
        assert!(good.contains(&area.id), "{} is not said", area.id);
    }
}

#[tokio::test]
async fn every_finding_has_a_set_up_that_triggers_it() {
    let cases = broken();
    let known: Vec<&str> = ALL.iter().map(|rule| rule.id).collect();
    for id in cases.keys() {
        assert!(known.contains(&id.as_str()), "{id} is no finding");
    }
    let graver: Vec<_> = ALL.iter().filter(|rule| rule.level > Level::Ok).collect();
    assert!(graver.len() >= 40, "{} findings", graver.len());
    let mut story = String::new();
    for rule in graver {
        let lines = cases
            .get(rule.id)
            .unwrap_or_else(|| panic!("{} has no broken set-up", rule.id));
        let checked = world(lines).await.check().await;
        let seen = faults(&checked.findings);
        let ids: Vec<&str> = seen.iter().map(|finding| finding.rule.id).collect();
        assert!(ids.contains(&rule.id), "{}: found {ids:?}", rule.id);
        writeln!(story, "{}: {}", rule.id, ids.join(", ")).unwrap();
    }
    insta::assert_snapshot!("broken_set_ups", story);
}

#[tokio::test]
async fn the_fix_that_is_printed_mends_it() {
    let mut mended = 0;
    // Whoever answers at the address is not a matter of DNS here.
    let is_door = |lines: &[String]| lines.iter().any(|line| line.starts_with("set door"));
    for (id, lines) in broken().into_iter().filter(|(_, lines)| !is_door(lines)) {
        let world = world(&lines).await;
        let before = world.check().await;
        let finding = before
            .findings
            .iter()
            .find(|finding| finding.rule.id == id)
            .unwrap();
        if !world.obey(&finding.fixes) {
            continue;
        }
        let after = world.check().await;
        let is_there = |other: &Finding| other.rule.id == id && other.about == finding.about;
        assert!(
            !after.findings.iter().any(is_there),
            "{id} is still there after {:?}",
            finding.fixes
        );
        mended += 1;
    }
    println!("{mended} findings were mended by the records they print");
    assert!(mended >= 35, "{mended}");
}

#[test]
fn every_finding_is_in_the_documentation() {
    let docs = include_str!("../../docs/check.md");
    for rule in ALL {
        let level = rule.level.name();
        let row = format!("| `{}` | {level} | {} | {} |", rule.id, rule.whom, rule.why);
        assert!(docs.contains(&row), "docs/check.md lacks\n{row}");
    }
}
