//! The world of the bench: a network of nothing but loopback, in which port 25 and the name server are ours.
//!
//! Owns the namespaces and the folder. Promises: nothing of the machine's own network or files is touched; when the
//! first process of the bench ends, by itself, by Ctrl-C or killed, all others end and what they mounted is gone; the
//! folder goes too, unless it was named or the first process was killed. Read `scripts/stage.sh` for the inside.

use std::{env, io::Read, net::Ipv4Addr, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time::timeout,
};

use crate::{check, clean, group, say, wishes::Wishes};

/// Set for the process on the stage.
pub(crate) const ROLE: &str = "BENCH_STAGE";

/// Where the receiver listens: of the network for benchmarks (RFC 2544 §C.2.2), because no server sends to 127.0.0.0/8.
pub(crate) const RECEIVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// How long the stage may take to come to an end.
const FAREWELL: Duration = Duration::from_mins(1);

const STAGE: &str = include_str!("scripts/stage.sh");

/// What the bench calls, the package that brings it, and what for.
const TOOLS: [(&str, &str); 5] = [
    ("unshare", "util-linux"),
    ("mount", "mount"),
    ("chroot", "coreutils"),
    ("ip", "iproute2"),
    ("apt-get", "apt, on Debian or one of its kind"),
];

/// Prepares with the machine's network, then runs this program again on the stage, and cleans up.
pub(crate) async fn open<F: Future<Output = Result<()>>>(
    wishes: &Wishes,
    prepare: impl Fn(Wishes) -> F,
) -> Result<()> {
    check(wishes)?;
    refuse_kindly()?;
    let mut wishes = wishes.clone();
    let temporary = if wishes.kept {
        std::fs::create_dir_all(&wishes.folder)?;
        None
    } else {
        Some(
            tempfile::Builder::new()
                .prefix("postrider-peers-")
                .tempdir()?,
        )
    };
    if let Some(temporary) = &temporary {
        temporary.path().clone_into(&mut wishes.folder);
    }
    wishes.groups = group::parent();
    if wishes.groups.is_none() {
        say(
            "no control groups of version 2: processor time is read from /proc, see docs/benchmarks.md",
        )?;
    }
    let ended = tokio::select! {
        biased;
        () = stopped() => bail_out(),
        ended = async { prepare(wishes.clone()).await } => ended,
    };
    let ended = match ended {
        Ok(()) => perform(&wishes).await,
        Err(error) => Err(error),
    };
    clean::up(temporary, wishes.groups.as_deref()).await;
    ended
}

/// Runs something on the stage until it is done or the first process of the bench has left.
pub(crate) async fn until_left(act: impl Future<Output = Result<()>>) -> Result<()> {
    let (left, leaving) = oneshot::channel();
    std::thread::spawn(move || {
        // Nobody writes: reading ends when the other side does.
        let _ = std::io::stdin().lock().read(&mut [0]);
        let _ = left.send(());
    });
    tokio::select! {
        biased;
        _ = leaving => bail_out(),
        ended = act => ended,
    }
}

/// Whether a program is in the path.
pub(crate) fn finds(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

async fn perform(wishes: &Wishes) -> Result<()> {
    let mut stage = enter(wishes)?;
    let curtain = stage.stdin.take();
    let ended = tokio::select! {
        biased;
        () = stopped() => {
            drop(curtain);
            match timeout(FAREWELL, stage.wait()).await {
                Ok(ended) => drop(ended),
                Err(_) => stage.kill().await?,
            }
            return bail_out();
        }
        ended = stage.wait() => ended?,
    };
    if !ended.success() {
        bail!("the bench failed on its stage: {ended}");
    }
    Ok(())
}

fn enter(wishes: &Wishes) -> Result<Child> {
    let mut command = Command::new("unshare");
    command
        .args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ])
        .args(["sh", "-c", STAGE, "stage"])
        .arg(RECEIVER.to_string())
        .arg(env::current_exe()?)
        .env(ROLE, "1")
        .env("BENCH_FOLDER", &wishes.folder)
        .env("BENCH_OUT", &wishes.out)
        .stdin(Stdio::piped())
        // Ctrl-C reaches only the first process, which then ends the others in order.
        .process_group(0)
        .kill_on_drop(true);
    if let Some(groups) = &wishes.groups {
        command.env("BENCH_GROUPS", groups);
    }
    command
        .spawn()
        .context("entering private namespaces with unshare")
}

/// Ctrl-C, or an order to end.
async fn stopped() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

fn bail_out() -> Result<()> {
    bail!("stopped before the end")
}

/// Says what is missing before anything is begun.
fn refuse_kindly() -> Result<()> {
    let missing: Vec<String> = TOOLS
        .iter()
        .filter(|(tool, _)| !finds(tool))
        .map(|(tool, package)| format!("  {tool}: install {package}"))
        .collect();
    if !missing.is_empty() {
        bail!(
            "this bench needs programs that are not here:\n{}",
            missing.join("\n")
        );
    }
    if !Uid::effective().is_root() {
        bail!(
            "this bench installs mail servers into private namespaces, for which it must be root.\n\
             Build it as yourself and run the program as root: docs/benchmarks.md tells how.\n\
             The bench of Postrider alone needs no root: cargo bench --bench delivery"
        );
    }
    Ok(())
}
