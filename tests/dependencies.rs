//! Guests of the house: how many crates, under which licences, how many twice.
//!
//! Reads `cargo metadata`, so it needs nothing but the registry that the build needs anyway.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where the house cannot be read"
)]

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// Licences that an Apache-2.0 OR MIT program may carry along.
const LICENCES: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

/// Crates reached by an ordinary build and by the tests on this platform.
const CRATES_MAX: usize = 331;

/// Crates that come in two versions, each because two guests disagree. Only shrinks.
const TWICE_MAX: usize = 14;

#[test]
fn every_crate_has_a_licence_that_allows_us_to_ship_it() {
    let refused: Vec<String> = packages()
        .iter()
        .filter(|package| !allowed(package["license"].as_str().unwrap_or("none")))
        .map(|package| format!("{}: {}", package["name"], package["license"]))
        .collect();
    assert!(
        refused.is_empty(),
        "licences to look at:\n{}",
        refused.join("\n")
    );
}

#[test]
fn the_guests_are_few_and_rarely_twins() {
    let mut versions: BTreeMap<String, usize> = BTreeMap::new();
    for package in packages() {
        *versions.entry(package["name"].to_string()).or_default() += 1;
    }
    let total: usize = versions.values().sum();
    let twice: Vec<_> = versions.iter().filter(|(_, count)| **count > 1).collect();
    assert!(total <= CRATES_MAX, "{total} crates, at most {CRATES_MAX}");
    assert!(
        twice.len() <= TWICE_MAX,
        "{} crates come twice: {twice:?}",
        twice.len()
    );
}

#[test]
fn every_crate_comes_from_the_registry() {
    for package in packages() {
        let source = package["source"].as_str();
        let ours = package["name"] == "postrider";
        assert!(
            ours || source.is_some_and(|source| source.starts_with("registry+")),
            "{package}"
        );
    }
}

/// An SPDX expression is fine when one side of each OR is allowed and both sides of each AND are.
fn allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    expression.split(" OR ").any(|choice| {
        let choice = choice.trim_matches(['(', ')', ' ']);
        choice
            .split(" AND ")
            .all(|licence| LICENCES.contains(&licence.trim_matches(['(', ')', ' '])))
    })
}

/// The packages that this platform really builds.
fn packages() -> Vec<Value> {
    let target = host();
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            &target,
        ])
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn host() -> String {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc is at hand");
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.expect("rustc names its host").to_owned()
}
