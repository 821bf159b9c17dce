//! `postrider.toml` as operators write it, well and badly.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what went wrong by stopping"
)]

#[path = "config/brakes.rs"]
mod brakes;
#[path = "config/inbound.rs"]
mod inbound;
#[path = "config/quiet.rs"]
mod quiet;
#[path = "config/warmup.rs"]
mod warmup;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use postrider::config::{Config, ConfigError, DatabaseUrl};
use proptest::prelude::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("postrider.toml"), |_| None)
}

/// What an operator is told about a file; `fine` when there is nothing to tell.
fn told(text: &str) -> String {
    parse(text).map_or_else(|error| error.to_string(), |_| "fine".to_owned())
}

fn check(text: &str, expected: &str) {
    let told = told(text);
    assert_eq!(told.lines().next().unwrap(), expected, "{text}");
}

/// The reference with every example switched on.
fn with_examples() -> String {
    let lines = Config::default_toml();
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    lines.lines().map(on).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_reference_is_what_operators_read() {
    insta::assert_snapshot!("reference", Config::default_toml());
}

#[test]
fn the_reference_means_exactly_the_defaults() {
    let read: Config = toml::from_str(&Config::default_toml()).unwrap();
    assert_eq!(read, Config::default());
    assert_eq!(parse("").unwrap(), Config::default());
}

#[test]
fn every_example_of_the_reference_can_be_switched_on() {
    let config: Config = toml::from_str(&with_examples()).unwrap();
    assert!(config.database.url.is_some());
    assert_eq!(config.smtp.sources.len(), 1);
    assert_eq!(config.route.len(), 1);
    assert_eq!(config.route[0].port, 587);
}

#[test]
fn a_real_configuration_needs_few_lines() {
    let config = parse(REAL).unwrap();
    assert_eq!(config.missing(), []);
    insta::assert_snapshot!("effective", config.to_toml());
}

const REAL: &str = concat!(
    r#"
database.url = "postgres://postrider:s3cret@db.example.com/postrider"
[smtp]
sources = [{ name = "s1", address = "192.0.2.10", ehlo = "mx1.mail.example.com" }]
"#,
    include_str!("support/identity.toml"),
    r#"
[[stream]]
name = "orders"
kind = "trigger"
retry = ["1m", "90s"]
[[route]]
domain = "example.org"
host = "192.0.2.25"
port = 587
user = "postrider"
password = "hunter2"
"#
);

#[test]
fn what_is_shown_reads_back_except_for_the_secrets() {
    let config = parse(REAL).unwrap();
    let shown = config.to_toml();
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!format!("{config:?}").contains("hunter2"));
    let mut read = parse(&shown).unwrap();
    read.database.url.clone_from(&config.database.url);
    read.route.clone_from(&config.route);
    assert_eq!(read, config);
}

#[test]
fn a_new_node_is_told_what_it_lacks_to_send_mail() {
    let lacks: Vec<_> = Config::default()
        .missing()
        .into_iter()
        .map(|fault| fault.key)
        .collect();
    let expected = [
        "identity.return_path_domain",
        "identity.message_id_domain",
        "identity.sender_id",
        "identity.unsubscribe_url",
        "identity.unsubscribe_domain",
        "identity.list_domain",
        "identity.feedback_domain",
        "smtp.ehlo",
    ];
    assert_eq!(lacks, expected);
}

#[test]
fn a_node_of_transactional_mail_needs_no_unsubscribe_addresses() {
    let config = parse("[[stream]]\nname = \"orders\"\nkind = \"transactional\"").unwrap();
    assert!(
        config
            .missing()
            .iter()
            .all(|fault| !fault.key.contains("unsubscribe"))
    );
}

#[test]
fn the_environment_wins_over_the_file() {
    let at = |set: &'static [(&str, &str)]| {
        let look = |name: &str| {
            set.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let config = Config::parse(REAL, Path::new("postrider.toml"), look).unwrap();
        config.database.url.unwrap().expose().to_owned()
    };
    assert_eq!(
        at(&[]),
        "postgres://postrider:s3cret@db.example.com/postrider"
    );
    assert_eq!(at(&[("DATABASE_URL", "postgres:///a")]), "postgres:///a");
    assert_eq!(
        at(&[
            ("DATABASE_URL", "postgres:///a"),
            ("POSTRIDER_DATABASE_URL", "postgres:///b")
        ]),
        "postgres:///b"
    );
    assert_eq!(
        at(&[("DATABASE_URL", "")]),
        "postgres://postrider:s3cret@db.example.com/postrider"
    );
}

#[test]
fn unknown_keys_are_named_with_their_line() {
    check(
        "node = \"a\"\n[http]\nlisen = \"127.0.0.1:1\"",
        "postrider.toml:3: http.lisen: unknown field `lisen`, expected one of `listen`, `body_size`, `requests`",
    );
    check(
        "nod = 1",
        "postrider.toml:1: nod: unknown field `nod`, expected one of `node`, `data_folder`, `database`, `http`, `smtp`, `dns`, `delivery`, `tls`, `warmup`, `brakes`, `route`, `identity`, `inbound`, `stream`, `templates`, `dkim`, `check`, `limits`, `retention`, `log`",
    );
}

#[test]
fn values_that_cannot_be_are_named_with_their_key_and_what_is_allowed() {
    check(
        "\n\n[delivery]\nlease = 60",
        "postrider.toml:4: delivery.lease: invalid type: integer `60`, expected a string",
    );
    check(
        "[delivery]\nlease = \"1 fortnight\"",
        r#"postrider.toml:2: delivery.lease: `1 fortnight` is not a time such as "250ms", "90s", "5m", "2h" or "3d""#,
    );
    check(
        "[limits]\nletter_size = \"10MB\"",
        r#"postrider.toml:2: limits.letter_size: `10MB` is not a size such as "800B", "512KiB", "10MiB" or "1GiB""#,
    );
    check(
        "[tls]\nmode = \"maybe\"",
        "postrider.toml:2: tls.mode: unknown variant `maybe`, expected one of `opportunistic`, `required`, `off`",
    );
    check(
        "[http]\nlisten = \"here\"",
        "postrider.toml:2: http.listen: invalid socket address syntax",
    );
    check(
        "[smtp]\nport = 70000",
        "postrider.toml:2: smtp.port: invalid value: integer `70000`, expected u16",
    );
    check(
        "[log]\nformat = 1",
        "postrider.toml:2: log.format: wanted string or table",
    );
    check(
        "[[stream]]\nname = \"a\"\npriority = -1",
        "postrider.toml:3: stream[0].priority: invalid value: integer `-1`, expected u8",
    );
}

#[test]
fn what_is_not_toml_is_named_with_its_line() {
    let told = told("node = \"a\"\n[http\n");
    assert!(told.starts_with("postrider.toml:2: "), "{told}");
    let told = self::told("node = \"a\"\nnode = \"b\"");
    assert!(
        told.starts_with("postrider.toml:2: duplicate key"),
        "{told}"
    );
}

#[test]
fn values_that_do_not_fit_are_named_with_what_is_allowed() {
    check(
        "node = \"\"",
        "postrider.toml:1: node: must be 1 to 64 of lower-case letters, digits, `-` and `_`",
    );
    check(
        "[smtp]\nehlo = \"localhost\"",
        "postrider.toml:2: smtp.ehlo: must be a domain such as mail.example.com",
    );
    check(
        "[delivery]\nin_flight = 0",
        "postrider.toml:2: delivery.in_flight: must be from 1 to 1000000",
    );
    check(
        "[delivery]\ntimeout_final_dot = \"0s\"",
        "postrider.toml:2: delivery.timeout_final_dot: must be from 1s to 1h",
    );
    check(
        "[dns]\ncache_min = \"3d\"",
        "postrider.toml:2: dns.cache_min: must not be longer than dns.cache_max",
    );
    check(
        "[identity]\nsender_id = \"abc\"",
        "postrider.toml:2: identity.sender_id: must be 5 to 15 Latin letters and digits",
    );
    check(
        "[identity]\nunsubscribe_url = \"http://u.example.com/\"",
        "postrider.toml:2: identity.unsubscribe_url: must be an https:// address without spaces (RFC 8058)",
    );
    check(
        "[identity]\nlist_domain = \"a b\"",
        "postrider.toml:2: identity.list_domain: must be a domain such as mail.example.com",
    );
    check(
        "stream = []",
        "postrider.toml:1: stream: must name one stream at least",
    );
    check(
        "[[stream]]\nname = \"a\"\n[[stream]]\nname = \"a\"",
        "postrider.toml:4: stream[1].name: is the name of an earlier stream too",
    );
    check(
        "[[stream]]\nkind = \"trigger\"",
        "postrider.toml:1: stream[0].name: must be 1 to 32 of lower-case letters, digits, `-` and `_`",
    );
    check(
        "[[stream]]\nname = \"a\"\nretry = []",
        "postrider.toml:3: stream[0].retry: must have one time at least, each from \"1s\" to \"7d\"",
    );
    check(
        "[[stream]]\nname = \"a\"\njitter = 1.5",
        "postrider.toml:3: stream[0].jitter: must be from 0.0 to 1.0",
    );
    check(
        "[[stream]]\nname = \"a\"\njitter = nan",
        "postrider.toml:3: stream[0].jitter: must be from 0.0 to 1.0",
    );
    check(
        "[[stream]]\nname = \"a\"\nlist_name = \"a\\r\\nBcc: x\"",
        "postrider.toml:3: stream[0].list_name: must be one line of at most 128 bytes",
    );
    check(
        "[[route]]\ndomain = \"*\"\nhost = \"smarthost.example.net\"\nuser = \"a\"",
        "postrider.toml:4: route[0].user: needs exactly one of password and password_file beside it",
    );
    check(
        "smtp.sources = [{ name = \"s1\", ehlo = \"mx1\" }]",
        "postrider.toml:1: smtp.sources[0].ehlo: must be a domain such as mail.example.com",
    );
}

#[test]
fn all_faults_are_told_at_once_and_a_misread_key_is_explained() {
    insta::assert_snapshot!(
        "faults",
        told("node = \"A B\"\n[delivery]\nin_flight = 0\nlease = \"1s\"")
    );
    insta::assert_snapshot!("explained", told("[delivery]\nprefer = \"ipv5\""));
}

/// What an operator is told about that path.
fn told_about(path: &Path) -> String {
    let error = Config::load(path).unwrap_err();
    let source =
        std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
    format!("{error}{source}").replace(&path.display().to_string(), "FILE")
}

fn file(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("postrider.toml");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn what_is_no_configuration_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.toml");
    assert_eq!(
        told_about(&absent),
        "reading FILE: No such file or directory (os error 2)"
    );
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    symlink(&one, &other).unwrap();
    symlink(&other, &one).unwrap();
    assert!(
        told_about(&one).starts_with("reading FILE: "),
        "{}",
        told_about(&one)
    );
    assert!(told_about(folder.path()).starts_with("FILE is not a file"));
    assert!(told_about(Path::new("/dev/zero")).starts_with("FILE is not a file"));
    let binary = file(&folder, &[0x7f, b'E', b'L', b'F', 0xff, 0xfe, 0]);
    assert_eq!(
        told_about(&binary),
        "FILE is not UTF-8 text, so it is no configuration"
    );
    let huge = file(&folder, &vec![b'#'; 1024 * 1024 + 1]);
    assert_eq!(
        told_about(&huge),
        "FILE is larger than 1 MiB, so it is no configuration"
    );
    let zeros = file(&folder, &[0; 64]);
    assert!(
        told_about(&zeros).starts_with("FILE:1: "),
        "{}",
        told_about(&zeros)
    );
}

#[test]
fn a_file_is_read_from_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, b"node = \"mx-7\"");
    assert_eq!(Config::load(&path).unwrap().node, "mx-7");
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    for text in [
        "[".repeat(100_000),
        format!("a = {}", "[".repeat(100_000)),
        "a.".repeat(100_000),
    ] {
        assert!(parse(&text).is_err());
    }
}

#[test]
fn a_database_address_never_shows_its_password() {
    let url = DatabaseUrl::new("postgres://anna:s3cret@db.example/mail".to_owned());
    assert_eq!(format!("{url:?}"), "postgres://anna:***@db.example/mail");
}

proptest! {
    #[test]
    fn no_text_panics(text in "(\\PC|\n){0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn a_spoilt_reference_never_panics(at in 0usize..20_000, spoiler in "\\PC{1,5}") {
        let mut text = with_examples();
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        text.insert_str(at, &spoiler);
        let _ = parse(&text);
    }
}
