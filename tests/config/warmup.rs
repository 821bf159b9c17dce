//! Warm-ups, well and badly.

use super::{check, told};

const SOURCES: &str = "smtp.sources = [{ name = \"s1\" }, { name = \"s2\" }]\n";

#[test]
fn a_warmup_names_a_source_a_target_and_a_schedule() {
    let file = |lines: &str| format!("{SOURCES}[[warmup]]\n{lines}");
    let good =
        "source = \"s2\"\ntarget_per_day = 20000\nstart = \"2026-12-01\"\nschedule = \"gentle\"\n";
    assert_eq!(told(&file(good)), "fine");
    let own = format!("{good}[[warmup]]\nprovider = \"google\"\n{good}");
    assert_eq!(told(&file(&own)), "fine");
    let alone = "[[warmup]]\nsource = \"default\"\ntarget_per_day = 1\n";
    assert_eq!(told(alone), "fine");
    for (lines, fault) in [
        (
            "source = \"s3\"\ntarget_per_day = 1\n",
            "3: warmup[0].source: must name one of smtp.sources",
        ),
        (
            "source = \"s2\"\n",
            "warmup[0].target_per_day: must be from 1 to 100000000",
        ),
        (
            "source = \"s2\"\ntarget_per_day = 1\nstart = \"tomorrow\"\n",
            "5: warmup[0].start: must be a date such as \"2026-12-01\"",
        ),
        (
            "source = \"s2\"\ntarget_per_day = 1\nschedule = \"slow\"\n",
            "5: warmup[0].schedule: must be one of standard, gentle, quick",
        ),
    ] {
        let told = told(&file(lines));
        assert!(told.contains(fault), "{told}");
    }
    let twice = file(&format!("{good}[[warmup]]\n{good}"));
    check(
        &twice,
        "postrider.toml:7: warmup[1].provider: has an earlier warmup of the same source already",
    );
}
