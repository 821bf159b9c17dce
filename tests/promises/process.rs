//! An engine in a process of its own, which can be killed or frozen without a word.
//!
//! The process is this test program again, told to run one ignored test that turns into an engine. It ends when its
//! standard input does, so it cannot outlive the test that started it.

use std::{env, io::Read, process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use postrider::engine::Limits;
use tokio::process::{Child, Command};

use crate::{
    desk::{self, Wishes},
    world::{Lines, Running},
};

const URL: &str = "POSTRIDER_TEST_URL";
const DNS: &str = "POSTRIDER_TEST_DNS";
const REROUTE: &str = "POSTRIDER_TEST_REROUTE";
const MACHINE: &str = "POSTRIDER_TEST_MACHINE";

/// Short claims, so that the letters of a dead engine come back soon.
pub(crate) fn mortal() -> Wishes {
    Wishes {
        limits: Limits {
            in_flight: 400,
            in_flight_octets: 24 << 20,
            in_flight_per_lane: 50,
            lease: Duration::from_secs(2),
            ..Wishes::default().limits
        },
        ..Wishes::default()
    }
}

/// An engine elsewhere.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(lines: &Lines) -> Self {
        Self::start_under(lines, "")
    }

    /// Starts one under limits that a shell sets first, such as `ulimit -n 40`.
    pub(crate) fn start_under(lines: &Lines, limits: &str) -> Self {
        let reroute = lines.reroute.iter();
        let reroute: Vec<String> = reroute.map(|(from, to)| format!("{from}={to}")).collect();
        let child = Command::new("sh")
            .args(["-c", &format!("{limits}\nexec \"$0\" \"$@\"")])
            .arg(env::current_exe().unwrap())
            .args(["--exact", "process::engine_in_its_own_process", "--ignored"])
            .env(URL, &lines.url)
            .env(DNS, lines.dns.to_string())
            .env(REROUTE, reroute.join(","))
            .env(MACHINE, &lines.machine)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self(child)
    }

    /// `kill -9`.
    pub(crate) async fn kill(mut self) {
        self.0.kill().await.unwrap();
    }

    /// Stops the process in mid-instruction.
    pub(crate) fn freeze(&self) {
        kill(self.pid(), Signal::SIGSTOP).unwrap();
    }

    /// Lets it go on as if no time had passed.
    pub(crate) fn thaw(&self) {
        kill(self.pid(), Signal::SIGCONT).unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().await.unwrap().success());
    }

    /// Whether it lives.
    pub(crate) fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Memory in use, in KiB, by the kernel's name for it: `VmRSS`, `VmHWM`.
    pub(crate) fn memory_kib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.0.id().unwrap()).unwrap())
    }
}

#[tokio::test]
#[ignore = "this is the engine process of other tests"]
async fn engine_in_its_own_process() {
    let reroute = env::var(REROUTE).expect("other tests start this one");
    let pairs = reroute.split(',').map(|pair| pair.split_once('=').unwrap());
    let lines = Lines {
        url: env::var(URL).unwrap(),
        dns: env::var(DNS).unwrap().parse().unwrap(),
        reroute: pairs
            .map(|(from, to)| (from.parse().unwrap(), to.parse().unwrap()))
            .collect(),
        machine: env::var_os(MACHINE).unwrap().into(),
    };
    let engine = Running::start(&lines, lines.store().await, desk::desk(&mortal()));
    let left_alone = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(left_alone)
        .await
        .unwrap()
        .unwrap();
    engine.stop().await;
}
