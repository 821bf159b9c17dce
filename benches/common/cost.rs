//! What processes have cost: processor time and memory, read from Linux's `/proc`.
//!
//! Owns the reading. Promises: a figure that the system does not tell is absent, never zero.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

/// One tick of `/proc/PID/stat`: `USER_HZ` is 100 on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// Processor time of a process, without its children.
pub(crate) fn processor_time(process: u32) -> Option<Duration> {
    Some(Stat::read(process)?.own)
}

/// Processor time of a server: of itself, of the children it has seen end, and of those that live.
pub(crate) fn server_time(server: u32) -> Option<Duration> {
    let mut total = Stat::read(server).map(|stat| stat.own + stat.ended)?;
    for child in processes() {
        let stat = Stat::read(child);
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

/// Processor time of a process and of the children it has seen end.
pub(crate) fn lifetime(process: u32) -> Option<Duration> {
    Stat::read(process).map(|stat| stat.own + stat.ended)
}

/// Those processes and all that descend from them.
pub(crate) fn family(roots: &[u32]) -> BTreeSet<u32> {
    let parents: Vec<(u32, u32)> = processes()
        .filter_map(|process| Some((process, parent(process)?)))
        .collect();
    let mut family: BTreeSet<u32> = roots.iter().copied().collect();
    loop {
        let children = parents.iter().filter(|(_, parent)| family.contains(parent));
        let children: BTreeSet<u32> = children.map(|(process, _)| *process).collect();
        let before = family.len();
        family.extend(children);
        if family.len() == before {
            return family;
        }
    }
}

/// Memory that a process holds now, in MB of 10^6 octets; of pages that it shares, its share.
pub(crate) fn proportional_megabytes(process: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let pss = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: f64 = pss.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1_024.0 / 1e6)
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
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
