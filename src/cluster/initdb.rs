//! Makes the data of a new cluster.
//!
//! Promises: a cluster is there whole or not at all, because it is made beside its place and then renamed; a program
//! killed in the middle leaves only a folder that the next start removes.

use std::{fs, path::Path, process::Output};

use super::{
    Keep,
    binaries::Binaries,
    error::{ClusterError, Doing},
    folder::Home,
};

/// The superuser. Nobody else is in the cluster until migrations make roles.
pub(super) const SUPERUSER: &str = "postrider";

/// Collation by code point, characters known; where the system lacks it, plain C. Both sort the same everywhere, so
/// an index never breaks when the operating system is upgraded.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// Makes the data unless there is some.
pub(super) fn ensure(home: &Home, binaries: &Binaries, keep: Keep) -> Result<(), ClusterError> {
    if home.place.made_by().is_some() {
        return Ok(());
    }
    let fresh = home.place.folder.join("data.new");
    make(&fresh, home, binaries, keep)?;
    fs::rename(&fresh, home.place.data())
        .and_then(|()| fs::File::open(&home.place.folder)?.sync_all())
        .doing(|| format!("moving the new cluster to {}", home.place.data().display()))
}

fn make(fresh: &Path, home: &Home, binaries: &Binaries, keep: Keep) -> Result<(), ClusterError> {
    let mut output = String::new();
    for locale in LOCALES {
        if fresh.exists() {
            fs::remove_dir_all(fresh).doing(|| format!("removing {}", fresh.display()))?;
        }
        let done = run(fresh, home, binaries, keep, locale)?;
        if done.status.success() {
            return Ok(());
        }
        output = last_lines(&done);
        if !output.contains("locale") {
            break;
        }
    }
    Err(ClusterError::Initdb {
        folder: fresh.to_owned(),
        output,
    })
}

fn run(
    fresh: &Path,
    home: &Home,
    binaries: &Binaries,
    keep: Keep,
    locale: &str,
) -> Result<Output, ClusterError> {
    let mut command = home.place.account.command(binaries.program("initdb"));
    command
        .arg(format!("--pgdata={}", fresh.display()))
        .arg(format!("--username={SUPERUSER}"))
        .arg(format!("--locale={locale}"))
        // The socket lies in a folder that only the account and root can enter: whoever gets there could read the
        // data itself. Nothing listens on the network.
        .args([
            "--encoding=UTF8",
            "--auth-local=trust",
            "--auth-host=reject",
        ])
        .args(["--no-instructions", "--data-checksums"])
        // Held, not read: should we be killed now, the next program waits until this one is gone.
        .stdin(home.lock()?);
    if keep == Keep::ThrowAway {
        command.arg("--no-sync");
    }
    command
        .output()
        .doing(|| format!("running {}", binaries.program("initdb").display()))
}

fn last_lines(done: &Output) -> String {
    let text = String::from_utf8_lossy(&done.stderr);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(6)..].join("; ")
}
