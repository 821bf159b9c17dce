//! What processes have cost: processor time and memory, read from Linux's `/proc`.
//!
//! Owns the reading. Promises: a figure that the system does not tell is absent, never zero.

use std::{collections::BTreeMap, fs, time::Duration};

/// One tick of `/proc/PID/stat`: `USER_HZ` is 100 on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// Processor time of a process, without its children.
pub(crate) fn processor_time(process: u32) -> Option<Duration> {
    Some(Stat::read(process)?.own)
}

/// Processor time of a server: of itself, of the children it has seen end, and of those that live.
pub(crate) fn server_time(server: u32) -> Option<Duration> {
    let mut total = Stat::read(server).map(|stat| stat.own + stat.ended)?;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let child = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let stat = child.and_then(Stat::read);
        total += stat
            .filter(|stat| stat.parent == server)
            .map_or(Duration::ZERO, |stat| stat.own);
    }
    Some(total)
}

/// The parent of a process.
pub(crate) fn parent(process: u32) -> Option<u32> {
    Some(Stat::read(process)?.parent)
}

/// The most memory that a process ever held, in MB of 10^6 bytes.
pub(crate) fn peak_megabytes(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let fields: BTreeMap<&str, &str> = status
        .lines()
        .filter_map(|line| line.split_once(':'))
        .collect();
    let kibibytes: f64 = fields
        .get("VmHWM")?
        .split_whitespace()
        .next()?
        .parse()
        .ok()?;
    Some(kibibytes * 1_024.0 / 1e6)
}

struct Stat {
    parent: u32,
    own: Duration,
    ended: Duration,
}

impl Stat {
    /// proc(5): the name in parentheses may hold anything, so fields are counted behind its last one.
    fn read(process: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |place: usize| fields.get(place)?.parse::<u32>().ok();
        Some(Self {
            parent: ticks(1)?,
            own: TICK * (ticks(11)? + ticks(12)?),
            ended: TICK * (ticks(13)? + ticks(14)?),
        })
    }
}
