//! Whether a process of that number lives, and what it is.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path, process::Command};

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
    // PostgreSQL works inside its data folder. Root may not ask where a process of another account works when it lacks
    // CAP_SYS_PTRACE, as in most containers. Systems without /proc have `ps`, which tells only the program.
    match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(folder) => data.canonicalize().is_ok_and(|data| data == folder),
        Err(_) if Path::new("/proc/self").exists() => claims_to_serve(pid, data),
        Err(_) => program(pid).ends_with("postgres"),
    }
}

/// What the command line says, which is open to all. One that was started by hand may name its folder in ways that only
/// itself understands, and counts as ours.
fn claims_to_serve(pid: i32, data: &Path) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = line
        .split(|octet| *octet == 0)
        .map(|word| Path::new(OsStr::from_bytes(word)));
    let is_server = words.next().is_some_and(|word| word.ends_with("postgres"));
    let folder = words.skip_while(|word| *word != Path::new("-D")).nth(1);
    is_server && folder.is_none_or(|folder| folder.is_relative() || folder == data)
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
