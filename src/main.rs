//! The command line of Postrider.

use std::io::Write;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = postrider::app::demo::DemoOptions {
        letters: std::env::args()
            .nth(1)
            .and_then(|n| n.parse().ok())
            .unwrap_or(2000),
        seed: 1,
        templates: "templates".into(),
        database_url: None,
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let demo = postrider::app::demo::Demo::start(options).await?;
    let report = demo.run(&indicatif::ProgressBar::hidden()).await?;
    write!(std::io::stdout().lock(), "{report}")?;
    demo.stop().await
}
