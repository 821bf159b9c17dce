//! Whether a process of that number lives, and what it is.

use std::{fs, path::Path, process::Command};

use nix::{errno::Errno, sys::signal, unistd::Pid};

/// Whether a process of that number exists, ours or not.
pub(super) fn is_alive(pid: i32) -> bool {
    // Numbers below 2 name process groups and the first process; no server of ours has one.
    pid > 1 && signal::kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

/// Whether that process is a server on that data folder; a reused number usually is not.
pub(super) fn is_server_of(pid: i32, data: &Path) -> bool {
    if !is_alive(pid) {
        return false;
    }
    // PostgreSQL works inside its data folder. Systems without /proc have `ps`, which tells only the program.
    match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(folder) => data.canonicalize().is_ok_and(|data| data == folder),
        Err(_) => !Path::new("/proc/self").exists() && program(pid).ends_with("postgres"),
    }
}

fn program(pid: i32) -> String {
    Command::new("ps")
        .args(["-o", "comm=", "-p", &pid.to_string()])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

/// Asks a server for a fast shutdown.
pub(super) fn ask_to_stop(pid: i32) {
    let _ = signal::kill(Pid::from_raw(pid), signal::Signal::SIGINT);
}
