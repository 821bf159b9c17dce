//! Who runs the server: ourselves, or an unprivileged user when we are root.
//!
//! Owns the choice of the account, commands that run under it, and whether it can reach a folder. Promises: a command
//! made here sees none of our environment beyond what programs need to start, so no secret of ours travels.

use std::{
    env,
    ffi::OsStr,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::unistd::{Gid, Uid, User, chown};

use super::error::{ClusterError, Doing};

/// The environment that programs need to start; ours may hold secrets.
const KEPT_ENVIRONMENT: [&str; 5] = [
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "LOCALE_ARCHIVE",
    "TMPDIR",
];

/// The user under which the server runs.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// As `ls` shows it.
    pub(super) name: String,
    uid: Uid,
    gid: Gid,
    /// Whether we are root and must become this user.
    switch: bool,
}

impl Account {
    /// Ourselves; as root the owner of existing data, else the named user, else `postgres`, else `nobody`.
    pub(super) fn choose(wanted: Option<&str>, data: Option<&Path>) -> Result<Self, ClusterError> {
        let owner = data.and_then(|path| path.metadata().ok().map(|found| (path, found.uid())));
        let me = Uid::effective();
        match owner {
            Some((_, uid)) if me.is_root() && uid != 0 => Self::of(Uid::from_raw(uid), true),
            Some((path, uid)) if !me.is_root() && uid != me.as_raw() => {
                Err(ClusterError::NotOurs {
                    folder: path.to_owned(),
                    owner: Self::of(Uid::from_raw(uid), false)?.name,
                })
            }
            _ if me.is_root() => Self::unprivileged(wanted),
            _ => Self::of(me, false),
        }
    }

    fn of(uid: Uid, switch: bool) -> Result<Self, ClusterError> {
        let known = User::from_uid(uid)
            .map_err(std::io::Error::from)
            .doing(|| format!("looking up user {uid}"))?;
        Ok(match known {
            Some(user) => Self::from_user(user, switch),
            None => Self {
                name: uid.to_string(),
                uid,
                gid: Gid::effective(),
                switch,
            },
        })
    }

    fn unprivileged(wanted: Option<&str>) -> Result<Self, ClusterError> {
        let names = wanted.map_or_else(|| vec!["postgres", "nobody"], |name| vec![name]);
        names
            .iter()
            .filter_map(|name| User::from_name(name).ok().flatten())
            .find(|user| !user.uid.is_root())
            .map(|user| Self::from_user(user, true))
            .ok_or_else(|| ClusterError::NoAccount {
                tried: format!("`{}`", names.join("` or `")),
            })
    }

    fn from_user(user: User, switch: bool) -> Self {
        Self {
            name: user.name,
            uid: user.uid,
            gid: user.gid,
            switch,
        }
    }

    /// A command under this account, in its own process group: the terminal's Ctrl-C is for the engine, which drains
    /// first and stops the server last.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(
                KEPT_ENVIRONMENT
                    .iter()
                    .filter_map(|name| Some((name, env::var_os(name)?))),
            )
            .env("LC_ALL", "C")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::null());
        if self.switch {
            command.gid(self.gid.as_raw()).uid(self.uid.as_raw());
        }
        command
    }

    /// Hands a path over to this account.
    pub(super) fn give(&self, path: &Path) -> Result<(), ClusterError> {
        if !self.switch {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid))
            .map_err(std::io::Error::from)
            .doing(|| format!("giving {} to user {}", path.display(), self.name))
    }

    /// The first folder on the way to `path` that this account may not enter.
    pub(super) fn blocked_at(&self, path: &Path) -> Option<PathBuf> {
        if !self.switch {
            return None;
        }
        let mut way: Vec<_> = path.ancestors().filter(|step| step.is_dir()).collect();
        way.reverse();
        way.into_iter()
            .find(|step| !self.may_enter(step))
            .map(Path::to_owned)
    }

    // The kernel is asked instead of reading mode bits, because ACLs and security modules have a say too.
    fn may_enter(&self, folder: &Path) -> bool {
        self.command("sh")
            .args(["-c", r#"test -x "$1""#, "sh"])
            .arg(folder)
            .status()
            .is_ok_and(|status| status.success())
    }
}
