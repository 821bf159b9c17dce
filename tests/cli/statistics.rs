//! Reports in sum that come in, as an operator reads them; and what pretends to be one.

use std::{fs, path::Path};

use serde_json::Value;

use crate::desk::desk;

fn mail(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/statistics");
    fs::read(folder.join(name)).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn reports_tell_which_source_fails_where_and_since_when() {
    let desk = desk().await;
    for name in [
        "dmarc-gzip.eml",
        "dmarc-zip.eml",
        "dmarc-plain.eml",
        "tls-gzip.eml",
    ] {
        desk.file(name, mail(name));
        // The same report twice is one report.
        for _ in 0..2 {
            let said = desk.quietly(&format!("inbound {name} --json"));
            assert!(said.contains("\"counted\""), "{name}: {said}");
        }
    }
    let sums = lines(&desk.quietly("report dmarc --since 3650d --json"));
    assert_eq!(sums.len(), 5, "{sums:?}");
    let first = &sums[0];
    assert_eq!(first["reporter"], "receiver.example");
    assert_eq!(first["source"], "198.51.100.7");
    assert_eq!(
        (&first["count"], &first["failed"]),
        (&31.into(), &31.into())
    );
    assert_eq!(first["verdicts"], "quarantine");
    assert_eq!(first["failing_since"], "2026-11-24T00:00:00Z");
    let total: i64 = sums.iter().map(|sum| sum["count"].as_i64().unwrap()).sum();
    assert_eq!(total, 1_200 + 31 + 8 + 5 + 3);
    let failing = lines(&desk.quietly("report dmarc --since 3650d --failing --json"));
    assert_eq!(failing.len(), 2, "{failing:?}");
    let tls = lines(&desk.quietly("report tls --since 3650d --json"));
    let failed: Vec<&Value> = tls.iter().filter(|sum| sum["failed"] == 2).collect();
    assert_eq!(failed.len(), 1, "{tls:?}");
    assert_eq!(failed[0]["verdicts"], "certificate-expired");
    let table = desk.quietly("report dmarc --since 3650d");
    assert!(table.contains("198.51.100.7"), "{table}");
}

#[tokio::test]
async fn bombs_and_rubble_are_no_reports() {
    let desk = desk().await;
    for name in [
        "bomb-gzip.eml",
        "bomb-zip.eml",
        "bomb-entities.eml",
        "broken-gzip.eml",
    ] {
        desk.file(name, mail(name));
        let said = desk.quietly(&format!("inbound {name} --json"));
        assert!(said.contains("\"unrecognised\""), "{name}: {said}");
    }
    assert_eq!(desk.quietly("report dmarc --since 3650d --json"), "");
}
