//! What a peer costs: processor time and memory of all of its processes.
//!
//! Owns a control group for each run. Promises: processes that came and went are counted too. Where the system has no
//! control groups of version 2, the processes that descend from the peer's first one are counted, with what their
//! parents have heard of those that ended: servers that ignore the end of their children then look cheaper than they are.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;

use crate::{cost, read};

/// Where version 2 is mounted: alone, or beside version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// A peer's processes.
#[derive(Debug)]
pub(crate) struct Group {
    folder: Option<PathBuf>,
    roots: Vec<u32>,
}

/// Makes the group below which all others are, if the system lets us.
pub(crate) fn parent() -> Option<PathBuf> {
    let mount = MOUNTS.map(Path::new).into_iter();
    let mut mounts = mount.filter(|mount| mount.join("cgroup.controllers").exists());
    let folder = mounts
        .next()?
        .join(format!("postrider-peers-{}", std::process::id()));
    fs::create_dir(&folder).ok()?;
    Some(folder)
}

/// Removes that group and those below; they are empty once their processes have been buried.
pub(crate) fn remove(parent: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(parent)?.flatten() {
        if entry.file_type()?.is_dir() {
            fs::remove_dir(entry.path())?;
        }
    }
    fs::remove_dir(parent)
}

impl Group {
    /// An empty group.
    pub(crate) fn new(parent: Option<&PathBuf>, word: &str) -> Result<Self> {
        let folder = parent.map(|parent| parent.join(word));
        if let Some(folder) = folder.as_ref().filter(|folder| !folder.exists()) {
            fs::create_dir(folder)?;
        }
        Ok(Self {
            folder,
            roots: Vec::new(),
        })
    }

    /// The file that a process writes itself into to become a member.
    pub(crate) fn entry(&self) -> String {
        let folder = self.folder.as_deref().unwrap_or(Path::new("/dev"));
        let file = if self.folder.is_some() {
            "cgroup.procs"
        } else {
            "null"
        };
        folder.join(file).display().to_string()
    }

    /// Remembers the first process of a peer that joins by itself.
    pub(crate) fn follow(&mut self, process: u32) {
        self.roots.push(process);
    }

    /// Takes in a process with all that descend from it.
    pub(crate) fn adopt(&mut self, process: u32) -> Result<()> {
        self.follow(process);
        if let Some(folder) = &self.folder {
            for member in cost::family(&[process]) {
                move_to(folder, member)?;
            }
        }
        Ok(())
    }

    /// Processor time of its members so far; only differences mean something.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let Some(folder) = &self.folder else {
            let family = cost::family(&self.roots).into_iter();
            return Ok(family.filter_map(cost::lifetime).sum());
        };
        let text = read(&folder.join("cpu.stat"))?;
        let usage = text
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "));
        Ok(Duration::from_micros(
            usage.unwrap_or_default().trim().parse()?,
        ))
    }

    /// Memory that its members hold now, in MB of 10^6 octets; what they share is counted once.
    pub(crate) fn megabytes(&self) -> f64 {
        let members = self.members().into_iter();
        members.filter_map(cost::proportional_megabytes).sum()
    }

    fn members(&self) -> BTreeSet<u32> {
        let Some(folder) = &self.folder else {
            return cost::family(&self.roots);
        };
        let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Lets go of members that outlive the run.
    pub(crate) fn release(&self) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let parent = folder.parent().unwrap_or(folder);
        self.members()
            .into_iter()
            .try_for_each(|member| move_to(parent, member))
    }
}

/// A process that ended meanwhile needs no group.
fn move_to(folder: &Path, process: u32) -> Result<()> {
    let moved = fs::write(folder.join("cgroup.procs"), process.to_string());
    match moved {
        Err(error) if Path::new(&format!("/proc/{process}")).exists() => Err(error.into()),
        _ => Ok(()),
    }
}
