//! Keys, one by one, while nobody has pressed Enter.
//!
//! Owns the mode of the terminal. Promises: it is given back as it was, whatever ends the command.

use std::{
    io::{Read, stdin},
    os::fd::AsFd,
};

use anyhow::{Context, Result};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use super::picture::Order;

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Sort(Order),
}

/// The terminal while it gives keys one by one. Ctrl-C ends the program as everywhere.
pub(super) struct Keys {
    before: Termios,
    pressed: mpsc::Receiver<Key>,
    /// It waits for a key; the program's end does not wait for it.
    _reader: JoinHandle<()>,
}

/// Nobody presses faster than we look.
const AHEAD: usize = 16;

impl Keys {
    pub(super) fn listen() -> Result<Self> {
        let before = tcgetattr(stdin().as_fd()).context("reading the terminal's mode")?;
        let mut single = before.clone();
        single
            .local_flags
            .remove(LocalFlags::ICANON | LocalFlags::ECHO);
        set(&single).context("setting the terminal's mode")?;
        let (give, pressed) = mpsc::channel(AHEAD);
        Ok(Self {
            before,
            pressed,
            _reader: spawn_blocking(move || read(&give)),
        })
    }

    /// The next key that means something. A terminal that is gone wants to quit.
    pub(super) async fn next(&mut self) -> Key {
        self.pressed.recv().await.unwrap_or(Key::Quit)
    }
}

fn read(give: &mpsc::Sender<Key>) {
    let octets = stdin().lock().bytes().map_while(Result::ok);
    for key in octets.filter_map(key) {
        if give.blocking_send(key).is_err() {
            return;
        }
    }
}

fn set(mode: &Termios) -> nix::Result<()> {
    tcsetattr(stdin().as_fd(), SetArg::TCSANOW, mode)
}

impl Drop for Keys {
    fn drop(&mut self) {
        // If the terminal is gone, nobody minds its mode.
        let _ = set(&self.before);
    }
}

fn key(octet: u8) -> Option<Key> {
    Some(match octet.to_ascii_lowercase() {
        b'q' | 4 => Key::Quit,
        b'r' => Key::Sort(Order::Rate),
        b'd' => Key::Sort(Order::Deferred),
        b'b' => Key::Sort(Order::Bounced),
        b'w' => Key::Sort(Order::Waiting),
        b'n' => Key::Sort(Order::Name),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_a_wish_in_either_case() {
        assert_eq!(key(b'Q'), Some(Key::Quit));
        assert_eq!(key(b'd'), Some(Key::Sort(Order::Deferred)));
        assert_eq!(key(b'x'), None);
    }
}
