//! A full disk under the crash journal.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use postrider::sim::{Plan, Temper};
use tokio::time::sleep;

use crate::{
    account::account,
    process::{Process, mortal},
    world::{World, letter_of, people, provider},
};

const LETTERS: usize = 800;

/// A disk of its own, which is unmounted in the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Needs the right to mount, which root on an ordinary machine has.
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Self(folder))
    }

    /// Writes until nothing more fits; returns the file that took the room.
    fn fill(&self) -> PathBuf {
        let ballast = self.0.path().join("ballast");
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(&ballast).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

async fn world(machine: &Path) -> World {
    let slow = Temper {
        // Slow enough that most letters still wait when the disk is full.
        reply_delay: Duration::from_millis(40),
        ..Temper::default()
    };
    let mut world = World::new(Plan::empty(7).with(provider("slow", 4, slow))).await;
    world.lines.machine = machine.join("journal");
    let streams = ["transactional", "marketing"].into_iter().cycle();
    let letters = people(LETTERS, "slow", 4).zip(streams);
    let letters = letters.map(|(to, stream)| letter_of(stream, &to));
    world.enqueue(letters).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaves_while_its_final_dot_cannot_be_noted_and_everything_after_that() {
    let Some(disk) = SmallDisk::mount("1m") else {
        println!("SKIPPED: no right to mount a small disk here");
        return;
    };
    let world = world(disk.0.path()).await;
    let engine = Process::start(&world.lines);
    world.accepted(LETTERS as u64 / 8).await;
    let ballast = disk.fill();
    // What had its dot noted goes on; then it is quiet. Room that the journal makes is taken at once.
    let mut quiet = 0;
    let mut before = world.internet.tally().accepted();
    while quiet < 100 {
        disk.fill();
        sleep(Duration::from_millis(10)).await;
        let now = world.internet.tally().accepted();
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
    }
    assert!(
        before < LETTERS as u64,
        "{before} had left before the disk was full"
    );
    // Had anything left without its note, the next engine would send it again and nobody would have said so.
    engine.kill().await;
    std::fs::remove_file(ballast).unwrap();
    let engine = Process::start(&world.lines);
    world.settled().await;
    engine.stop().await;
    account(&world, "disk full under the journal, then not").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_fills_its_own_disk_makes_room_by_itself() {
    let Some(disk) = SmallDisk::mount("48k") else {
        println!("SKIPPED: no right to mount a small disk here");
        return;
    };
    let world = world(disk.0.path()).await;
    let engine = world.engine(&mortal()).await;
    world.settled().await;
    engine.stop().await;
    let account = account(&world, "journal as large as its disk").await;
    assert_eq!((account.delivered, account.twice), (LETTERS, 0));
    world.end().await;
}
