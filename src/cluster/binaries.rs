//! Finds the server programs where distributions put them.
//!
//! Promises: what is found is PostgreSQL 15 or newer, can be run by the server's account, and fits the data that is
//! there. Does not install anything.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::{account::Account, error::ClusterError, place::Place};

/// The oldest major version we support.
const OLDEST: u32 = 15;

/// Where distributions put server programs; `*` stands for any text within one step.
/// Debian and Ubuntu; PGDG for Fedora and RHEL; SUSE; Alpine; Gentoo; Homebrew on Apple and Intel; Postgres.app;
/// Fedora, Arch, FreeBSD.
const PLACES: [&str; 12] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/libexec/postgresql*",
    "/usr/lib64/postgresql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",
    "/usr/bin",
    "/usr/local/bin",
];

/// A folder with `postgres` and `initdb` of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    folder: PathBuf,
    /// The major version.
    pub(super) major: u32,
}

impl Binaries {
    /// The version that made the data, or the newest one for a cluster yet to be made.
    pub(super) fn find(chosen: Option<&Path>, place: &Place) -> Result<Self, ClusterError> {
        let folders = chosen.map_or_else(candidates, |folder| vec![folder.to_owned()]);
        let found: Vec<_> = folders
            .iter()
            .filter_map(|folder| Self::probe(folder, &place.account))
            .collect();
        match place.made_by() {
            Some(version) => matching(&found, &version, place),
            None => newest(&found),
        }
    }

    fn probe(folder: &Path, account: &Account) -> Option<Self> {
        // /usr/bin/postgres is often a link; initdb stands beside the real one.
        let server = folder.join("postgres").canonicalize().ok()?;
        let folder = server.parent()?.to_owned();
        folder.join("initdb").is_file().then_some(())?;
        let output = account.command(&server).arg("--version").output().ok()?;
        let major = major_version(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { folder, major })
    }

    /// The path of one program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn newest(found: &[Binaries]) -> Result<Binaries, ClusterError> {
    let best = found.iter().max_by_key(|binaries| binaries.major);
    match best {
        Some(binaries) if binaries.major >= OLDEST => Ok(binaries.clone()),
        _ => Err(ClusterError::NoServer {
            seen: best.map_or_else(String::new, |old| {
                format!(" (found only {} in {})", old.major, old.folder.display())
            }),
        }),
    }
}

fn matching(found: &[Binaries], version: &str, place: &Place) -> Result<Binaries, ClusterError> {
    let newest = newest(found)?;
    found
        .iter()
        .find(|binaries| binaries.major >= OLDEST && binaries.major.to_string() == version)
        .cloned()
        .ok_or_else(|| ClusterError::OtherVersion {
            folder: place.folder.clone(),
            made_by: version.to_owned(),
            installed: newest.major.to_string(),
        })
}

/// Folders worth a look: PATH first, then what `pg_config` says, then the known places.
fn candidates() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .collect();
    folders.extend(pg_config_folder());
    folders.extend(PLACES.iter().flat_map(|place| expand(Path::new(place))));
    folders
}

fn pg_config_folder() -> Option<PathBuf> {
    let output = std::process::Command::new("pg_config")
        .arg("--bindir")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(text.trim()))
}

/// The existing folders that a place with at most one `*` stands for.
fn expand(place: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for step in place.iter().skip(1) {
        let text = step.to_string_lossy();
        found = match text.split_once('*') {
            None => found.iter().map(|folder| folder.join(step)).collect(),
            Some((head, tail)) => found
                .iter()
                .flat_map(|folder| entries(folder, head, tail))
                .collect(),
        };
    }
    found
}

fn entries(folder: &Path, head: &str, tail: &str) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(folder) else {
        return Vec::new();
    };
    listing
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(head) && name.ends_with(tail)
        })
        .map(|entry| entry.path())
        .collect()
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian ..)`, `.. 17beta2`.
fn major_version(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("(PostgreSQL) ")?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<u32>) {
        assert_eq!(major_version(text), expected, "{text}");
    }

    #[test]
    fn versions_as_servers_tell_them() {
        check(
            "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n",
            Some(15),
        );
        check("postgres (PostgreSQL) 17beta2\n", Some(17));
        check("postgres (PostgreSQL) 16.4 (Homebrew)\n", Some(16));
        check("postgres (PostgreSQL) 9.6.24\n", Some(9));
        check("postgres (PostgreSQL) devel\n", None);
        check("bash: postgres: command not found", None);
        check("", None);
    }

    fn installed(majors: &[u32]) -> Vec<Binaries> {
        let at = |&major: &u32| Binaries {
            folder: PathBuf::from(format!("/usr/lib/postgresql/{major}/bin")),
            major,
        };
        majors.iter().map(at).collect()
    }

    #[test]
    fn a_new_cluster_gets_the_newest_version() {
        assert_eq!(newest(&installed(&[15, 17, 16])).unwrap().major, 17);
    }

    #[test]
    fn a_version_that_is_too_old_is_named_with_what_to_install() {
        let error = newest(&installed(&[9, 13])).unwrap_err().to_string();
        assert!(
            error.contains("(found only 13 in /usr/lib/postgresql/13/bin)"),
            "{error}"
        );
        assert!(error.contains("apt install postgresql"), "{error}");
    }

    #[test]
    fn a_place_with_a_star_stands_for_the_folders_that_exist() {
        let root = tempfile::tempdir().unwrap();
        for name in ["postgresql@15", "postgresql@17", "redis"] {
            fs::create_dir_all(root.path().join(name)).unwrap();
        }
        let mut found = expand(&root.path().join("postgresql*/bin"));
        found.sort();
        let expected =
            ["postgresql@15/bin", "postgresql@17/bin"].map(|step| root.path().join(step));
        assert_eq!(found, expected);
    }
}
