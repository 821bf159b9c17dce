//! What whoever starts the bench wants, read from the environment.
//!
//! Promises: a wish that cannot be understood is an error, not the usual value.

use std::{env, fmt::Display, path::PathBuf, str::FromStr};

use anyhow::{Context, Result};

/// Everything that can be wished.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    /// `BENCH_RUNS`: how often everybody runs.
    pub(crate) runs: usize,
    /// `BENCH_LETTERS`: letters of one run.
    pub(crate) letters: usize,
    /// `BENCH_ONLY`: who takes part, by the beginning of their words.
    pub(crate) only: Option<String>,
    /// `BENCH_OUT`: where the record goes.
    pub(crate) out: PathBuf,
    /// `BENCH_SHOW`: a record to show instead of running.
    pub(crate) show: Option<PathBuf>,
    /// `BENCH_FOLDER`: where peers are installed and have their spools; kept when named.
    pub(crate) folder: PathBuf,
    /// Whether that folder was named.
    pub(crate) kept: bool,
    /// `POSTRIDER_KUMOD`: the program of somebody who has built KumoMTA.
    pub(crate) kumod: Option<PathBuf>,
    /// The control group below which peers get theirs; made by the first process of the bench.
    pub(crate) groups: Option<PathBuf>,
}

impl Wishes {
    /// Reads the environment.
    pub(crate) fn read() -> Result<Self> {
        let folder = path("BENCH_FOLDER");
        Ok(Self {
            runs: number("BENCH_RUNS", 3)?,
            letters: number("BENCH_LETTERS", 20_000)?,
            only: env::var("BENCH_ONLY").ok(),
            out: absolute(path("BENCH_OUT").unwrap_or_else(|| "target/peers.json".into()))?,
            show: path("BENCH_SHOW").map(absolute).transpose()?,
            kept: folder.is_some(),
            folder: absolute(folder.unwrap_or_default())?,
            kumod: path("POSTRIDER_KUMOD").map(program).transpose()?,
            groups: path("BENCH_GROUPS"),
        })
    }

    /// Whether somebody of that word takes part: `postfix` means `postfix-tuned` too.
    pub(crate) fn wants(&self, word: &str) -> bool {
        self.only.as_ref().is_none_or(|only| {
            let mut wanted = only.split(',').map(str::trim);
            wanted.any(|wanted| {
                let rest = word.strip_prefix(wanted);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            })
        })
    }
}

fn path(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|text| !text.is_empty())
        .map(PathBuf::from)
}

/// Benches run in the package's folder, and paths are meant from there.
fn absolute(path: PathBuf) -> Result<PathBuf> {
    if path.as_os_str().is_empty() {
        return Ok(path);
    }
    std::path::absolute(&path).with_context(|| format!("the path {}", path.display()))
}

/// The peers' rooms have another working folder.
fn program(path: PathBuf) -> Result<PathBuf> {
    anyhow::ensure!(
        path.is_absolute() && path.is_file(),
        "POSTRIDER_KUMOD must be the whole path of a program, not {}",
        path.display()
    );
    Ok(path)
}

fn number<T: FromStr + Display + PartialOrd + From<u8>>(name: &str, usual: T) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let Ok(text) = env::var(name) else {
        return Ok(usual);
    };
    let number: T = text
        .parse()
        .with_context(|| format!("{name} is not a number: {text}"))?;
    anyhow::ensure!(
        number >= T::from(1),
        "{name} must be at least 1, not {number}"
    );
    Ok(number)
}
