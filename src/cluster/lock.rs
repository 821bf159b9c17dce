//! One program per folder, told by the kernel.
//!
//! Owns the lock file. Promises: the lock is held exactly as long as any process of the folder lives, because the
//! server and its supervisor inherit it; a program killed without warning leaves no lock behind once they are gone.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    thread,
    time::Duration,
};

use nix::fcntl::OFlag;

use super::{
    error::{ClusterError, Doing},
    place::Place,
    process,
};

/// How often a lock that is about to be free is tried again.
const POLL: Duration = Duration::from_millis(20);
/// The server of a killed program gets this long to write its last checkpoint and go.
const PATIENCE: Duration = Duration::from_mins(1);

/// Takes the folder for this program.
pub(super) fn take(place: &Place) -> Result<File, ClusterError> {
    let path = place.lock_path();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        // The folder belongs to the server's account; root must not follow a link planted there.
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(&path)
        .doing(|| format!("opening {}", path.display()))?;
    wait_for(&mut file, place)?;
    place.account.give(&path)?;
    sign(&mut file).doing(|| format!("writing {}", path.display()))?;
    Ok(file)
}

fn wait_for(file: &mut File, place: &Place) -> Result<(), ClusterError> {
    let tries = PATIENCE.as_millis() / POLL.as_millis();
    let mut asked = false;
    for _ in 0..tries {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => {
                return Err(error).doing(|| format!("locking {}", place.lock_path().display()));
            }
            Err(TryLockError::WouldBlock) => {}
        }
        if owner(file).is_some_and(process::is_alive) {
            break;
        }
        // The program is gone and its server is not: normally it is stopping already, and asking twice does no harm.
        if !asked {
            place.ask_server_to_stop();
            asked = true;
        }
        thread::sleep(POLL);
    }
    Err(in_use(file, place))
}

fn in_use(file: &mut File, place: &Place) -> ClusterError {
    ClusterError::InUse {
        folder: place.folder.clone(),
        process: owner(file).map_or_else(|| "of unknown number".to_owned(), |pid| pid.to_string()),
    }
}

fn owner(file: &mut File) -> Option<i32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn sign(file: &mut File) -> std::io::Result<()> {
    file.rewind()?;
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}
