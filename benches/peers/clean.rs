//! Leaving the machine as it was found.
//!
//! Promises: what cannot be removed is named, and does not hide what the bench has found.

use std::{path::Path, time::Duration};

use tempfile::TempDir;
use tokio::time::sleep;

use crate::{group, say};

/// A process that has been killed leaves its group a moment later.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Removes the temporary folder and the control groups.
pub(crate) async fn up(folder: Option<TempDir>, groups: Option<&Path>) {
    for left in (0..TRIES).rev() {
        match groups.map_or(Ok(()), group::remove) {
            Ok(()) => break,
            Err(_) if left > 0 => sleep(PAUSE).await,
            Err(error) => tell(&format!("the control group {groups:?} remains: {error}")),
        }
    }
    if let Some(folder) = folder {
        let path = folder.path().to_owned();
        if let Err(error) = folder.close() {
            tell(&format!("the folder {} remains: {error}", path.display()));
        }
    }
}

/// Where nobody listens, nobody misses it.
fn tell(line: &str) {
    let _ = say(line);
}
