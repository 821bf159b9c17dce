//! Secrets on a real file system.

use std::{
    os::unix::fs::{PermissionsExt, symlink},
    sync::Barrier,
    thread,
};

use nix::{sys::stat::Mode, unistd::mkfifo};
use proptest::prelude::*;

use super::*;

fn place() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn close(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// What is told about a folder whose only key file was made by `make`.
fn check(make: impl FnOnce(&Path), expected: &str) {
    let place = place();
    let folder = place.path().join("example.com");
    fs::create_dir(&folder).unwrap();
    make(&folder.join("s1.pem"));
    let told = match read_all(place.path()) {
        Ok(keys) => format!("{keys:?}"),
        Err(error) => error.to_string(),
    };
    let told = told.replace(&place.path().display().to_string(), "KEYS");
    assert_eq!(told, expected);
}

#[test]
fn a_new_key_is_read_back_and_only_we_can_read_it() {
    let place = place();
    let folder = place.path().join("dkim-keys");
    let path = write_new(&folder, &domain("example.com"), "s2026", b"a key").unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&folder.join("example.com")) & 0o007, 0);
    let keys = read_all(&folder).unwrap();
    let expected = KeyFile {
        domain: domain("example.com"),
        selector: "s2026".to_owned(),
        pem: b"a key".to_vec(),
        path,
    };
    assert_eq!(keys, [expected]);
    let left: Vec<_> = fs::read_dir(folder.join("example.com")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn an_existing_key_is_never_overwritten() {
    let place = place();
    let path = write_new(place.path(), &domain("example.com"), "s1", b"first").unwrap();
    let error = write_new(place.path(), &domain("example.com"), "s1", b"second").unwrap_err();
    assert!(matches!(error, KeyError::Exists { .. }), "{error}");
    assert_eq!(fs::read(path).unwrap(), b"first");
}

#[test]
fn a_link_that_leads_nowhere_is_not_followed_by_a_new_key() {
    let place = place();
    fs::create_dir(place.path().join("example.com")).unwrap();
    let target = place.path().join("elsewhere");
    symlink(&target, place.path().join("example.com/s1.pem")).unwrap();
    let error = write_new(place.path(), &domain("example.com"), "s1", b"key").unwrap_err();
    assert!(matches!(error, KeyError::Exists { .. }), "{error}");
    assert!(!target.exists());
}

#[test]
fn keys_come_in_the_order_of_their_names_and_other_files_are_left_alone() {
    let place = place();
    for (name, selector) in [
        ("example.org", "b"),
        ("example.com", "z"),
        ("example.com", "a"),
    ] {
        write_new(place.path(), &domain(name), selector, b"key").unwrap();
    }
    fs::write(place.path().join("README"), "about").unwrap();
    fs::write(place.path().join("example.com/a.txt"), "record").unwrap();
    fs::write(place.path().join("example.com/.s.pem"), "hidden").unwrap();
    fs::create_dir(place.path().join(".git")).unwrap();
    let names: Vec<_> = read_all(place.path())
        .unwrap()
        .into_iter()
        .map(|key| format!("{} {}", key.domain, key.selector))
        .collect();
    assert_eq!(names, ["example.com a", "example.com z", "example.org b"]);
}

#[test]
fn no_folder_means_no_keys() {
    assert_eq!(read_all(Path::new("/nonexistent/keys")).unwrap(), []);
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_command_that_closes_it() {
    let with_mode = |mode| {
        move |path: &Path| {
            fs::write(path, "key").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    check(
        with_mode(0o644),
        "others may read KEYS/example.com/s1.pem (mode 0644); close it with `chmod 600 KEYS/example.com/s1.pem`",
    );
    check(
        with_mode(0o620),
        "others may read KEYS/example.com/s1.pem (mode 0620); close it with `chmod 600 KEYS/example.com/s1.pem`",
    );
    check(
        with_mode(0o400),
        "[KeyFile(KEYS/example.com/s1.pem, 3 bytes)]",
    );
}

#[test]
fn what_is_no_key_file_is_refused_without_waiting() {
    check(
        |path| fs::create_dir(path).unwrap(),
        "KEYS/example.com/s1.pem is not a file",
    );
    check(
        |path| mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap(),
        "KEYS/example.com/s1.pem is not a file",
    );
    check(
        |path| symlink(path, path).unwrap(),
        "reading KEYS/example.com/s1.pem",
    );
    check(
        |path| symlink("nowhere", path).unwrap(),
        "reading KEYS/example.com/s1.pem",
    );
    let huge = |path: &Path| {
        fs::write(path, vec![b'x'; 64 * 1024 + 1]).unwrap();
        close(path);
    };
    check(
        huge,
        "KEYS/example.com/s1.pem is larger than 64 KiB, so it is no key",
    );
}

#[test]
fn a_key_in_a_folder_that_is_no_domain_is_named() {
    let place = place();
    fs::create_dir(place.path().join("example")).unwrap();
    fs::write(place.path().join("example/s1.pem"), "key").unwrap();
    let error = read_all(place.path()).unwrap_err();
    assert!(matches!(error, KeyError::BadDomain { .. }), "{error}");
}

#[test]
fn a_selector_is_no_path() {
    let place = place();
    for name in [
        "", ".", "..", "../s1", "a/b", "a b", "-s", "s-", "a..b", "ключ", "s\n",
    ] {
        let error = write_new(place.path(), &domain("example.com"), name, b"key").unwrap_err();
        assert!(
            matches!(error, KeyError::BadSelector { .. }),
            "{name}: {error}"
        );
    }
    assert!(is_selector("s2026.eu-west_1"));
}

#[test]
fn a_key_never_shows_in_a_log() {
    let key = KeyFile {
        domain: domain("example.com"),
        selector: "s1".to_owned(),
        pem: b"very private".to_vec(),
        path: "s1.pem".into(),
    };
    assert_eq!(format!("{key:?}"), "KeyFile(s1.pem, 12 bytes)");
}

#[test]
fn the_token_secret_is_made_once_and_kept() {
    let place = place();
    let path = place.path().join("data/token.secret");
    assert_eq!(token_secret(&path, [7; 32]).unwrap(), [7; 32]);
    assert_eq!(token_secret(&path, [8; 32]).unwrap(), [7; 32]);
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn nodes_that_start_at_once_agree_on_the_token_secret() {
    let place = place();
    let path = place.path().join("token.secret");
    let start = Barrier::new(8);
    let secrets: Vec<_> = thread::scope(|scope| {
        let nodes: Vec<_> = (0..8)
            .map(|node| {
                let (path, start) = (&path, &start);
                scope.spawn(move || {
                    start.wait();
                    token_secret(path, [node; 32]).unwrap()
                })
            })
            .collect();
        nodes.into_iter().map(|node| node.join().unwrap()).collect()
    });
    assert!(
        secrets.iter().all(|secret| secret == &secrets[0]),
        "{secrets:?}"
    );
}

#[test]
fn a_damaged_token_secret_is_an_error_and_stays() {
    let place = place();
    let path = place.path().join("token.secret");
    for text in [
        "",
        "abc",
        &"zz".repeat(32),
        &"ab".repeat(31),
        &"ab".repeat(33),
    ] {
        fs::write(&path, text).unwrap();
        close(&path);
        let error = token_secret(&path, [1; 32]).unwrap_err();
        assert!(
            matches!(error, KeyError::BadSecret { .. }),
            "{text}: {error}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), *text);
    }
}

proptest! {
    #[test]
    fn every_selector_stays_in_its_folder(name in "\\PC{0,40}") {
        if is_selector(&name) {
            prop_assert_eq!(Path::new(&name).components().count(), 1);
            prop_assert!(!name.starts_with('.'));
        }
    }
}

/// The only secret of a folder, by the name that its file has.
fn token_secret(path: &Path, fresh: [u8; 32]) -> Result<[u8; 32], KeyError> {
    let secrets = token_secrets(path.parent().unwrap(), fresh)?;
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0].path, path);
    Ok(secrets[0].secret)
}
