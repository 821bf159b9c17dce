//! Who takes part: each peer's word, title, way in, and the script that installs and starts it.
//!
//! Owns the list. Promises: a variant differs from its peer by what its script says under that variant, nothing else.

/// One who takes part.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Its name in `BENCH_ONLY` and in the record.
    pub(crate) word: &'static str,
    /// Its name in the table.
    pub(crate) title: &'static str,
    /// Whether an accepted letter survives a power cut.
    pub(crate) durable: bool,
    /// How letters get in.
    pub(crate) door: Door,
    /// What it is installed from.
    pub(crate) needs: Needs,
    /// Variants share one room.
    pub(crate) room: &'static str,
    /// What the script knows the variant by.
    pub(crate) variant: &'static str,
    /// Its script.
    pub(crate) script: &'static str,
    /// Where its queue lies, in its own view.
    pub(crate) spool: &'static str,
    /// Its log, in its own view; shown when a run fails.
    pub(crate) log: &'static str,
}

/// A way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Whole messages over SMTP.
    Smtp,
    /// Templates and variables over HTTP, as NDJSON.
    Http,
    /// Templates and variables by the SQL function, in sets.
    Sql,
}

/// What must be at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// This package itself.
    Nothing,
    /// A distribution with apt.
    Apt,
    /// npm and node.
    Npm,
    /// `POSTRIDER_KUMOD`.
    Kumod,
}

const OURS: Peer = Peer {
    word: "ours",
    title: "Postrider, HTTP batch",
    durable: true,
    door: Door::Http,
    needs: Needs::Nothing,
    room: "ours",
    variant: "",
    script: "",
    spool: "",
    log: "",
};

const POSTFIX: Peer = Peer {
    word: "postfix",
    title: "Postfix + OpenDKIM, defaults",
    door: Door::Smtp,
    needs: Needs::Apt,
    room: "postfix",
    script: include_str!("scripts/postfix.sh"),
    spool: "/var/spool/postfix",
    log: "/var/log/mail.log",
    ..OURS
};

const KUMOMTA: Peer = Peer {
    word: "kumomta",
    title: "KumoMTA, RocksDB spool (its fast one)",
    durable: false,
    door: Door::Smtp,
    needs: Needs::Kumod,
    room: "kumomta",
    script: include_str!("scripts/kumomta.sh"),
    spool: "/var/spool/kumomta",
    ..OURS
};

/// Everybody, in the order of a round.
pub(crate) const PEERS: [Peer; 8] = [
    OURS,
    Peer {
        word: "ours-sql",
        title: "Postrider, SQL sets of 500",
        door: Door::Sql,
        ..OURS
    },
    POSTFIX,
    Peer {
        word: "postfix-tuned",
        title: "Postfix + OpenDKIM, tuned",
        variant: "tuned",
        ..POSTFIX
    },
    Peer {
        word: "exim",
        title: "Exim with DKIM",
        room: "exim",
        script: include_str!("scripts/exim.sh"),
        spool: "/var/spool/exim4",
        log: "/var/log/exim4/mainlog",
        ..POSTFIX
    },
    Peer {
        word: "haraka",
        title: "Haraka, one process per core",
        needs: Needs::Npm,
        room: "haraka",
        script: include_str!("scripts/haraka.sh"),
        spool: "/var/spool/haraka",
        log: "",
        ..POSTFIX
    },
    KUMOMTA,
    Peer {
        word: "kumomta-flush",
        title: "KumoMTA, files with flush",
        durable: true,
        variant: "flush",
        ..KUMOMTA
    },
];
