//! The demonstration, as a newcomer runs it: everything starts, both ends agree, nothing is left behind.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what went wrong by stopping"
)]

use std::path::Path;

use indicatif::ProgressBar;
use postrider::app::demo::{Demo, DemoOptions, Report};

async fn demonstrate(letters: usize) -> Report {
    let options = DemoOptions {
        letters,
        seed: 7,
        templates: Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"),
        database_url: None,
        paced: false,
    };
    let demo = Demo::start(options).await.unwrap();
    let report = demo.run(&ProgressBar::hidden()).await.unwrap();
    demo.stop().await.unwrap();
    assert!(report.is_clean(), "{report}");
    report
}

/// Children of this process that are alive.
fn children() -> Vec<String> {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats =
        processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    // After the name in brackets come the state and the parent (proc(5)).
    let is_child = |stat: &String| {
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split(' ');
        fields.nth(1).is_some_and(|state| state != "Z") && fields.next() == Some(&own)
    };
    stats.filter(is_child).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_demonstrations_of_one_seed_agree_with_their_providers_and_leave_no_process_behind() {
    let first = demonstrate(500).await;
    assert_eq!(first.states.values().sum::<u64>(), first.letters);
    assert!(first.letters >= 490, "{first}");
    assert!(!first.suppressed.is_empty());
    assert!(!first.example.is_empty());
    assert_eq!(children(), Vec::<String>::new());
    let second = demonstrate(500).await;
    assert_eq!(first.states, second.states);
}
