//! The table `[inbound]` of `postrider.toml`.
//!
//! Every comment below is also the documentation in the reference file: it speaks to the operator.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    section::section,
    units::{Period, Size},
};

section! {
    /// Where bounces, complaints and unsubscribe letters come in (docs/inbound.md). The domains are those of `identity`;
    /// their MX must lead to one of these sockets, or to a mail server of yours that hands on by LMTP or into the Maildir.
    pub struct Inbound {
        /// Addresses and ports where everybody's mail servers may speak SMTP, such as `0.0.0.0:25`. Without any, nobody may.
        pub smtp: Vec<SocketAddr> = Vec::new();
        /// Addresses and ports where mail servers of yours may speak LMTP. Keep them private: limits by client do not
        /// hold there.
        pub lmtp: Vec<SocketAddr> = Vec::new();
        /// Host name in the greeting; without it `smtp.ehlo`.
        pub host: Option<String> = None, like r#""mx.bounce.example.com""#;
        /// Certificate chain (PEM) for STARTTLS. Without one, nothing is encrypted.
        pub certificate: Option<PathBuf> = None, like r#""/etc/postrider/mx.pem""#;
        /// Its private key (PEM).
        pub key: Option<PathBuf> = None, like r#""/etc/postrider/mx.key""#;
        /// Largest mail: 64KiB to 100MiB. A bounce may bring the whole letter back, so it should exceed
        /// `limits.letter_size`.
        pub size: Size = Size(16 << 20);
        /// All mails on their way in together; beyond it senders are asked to come back. At least twice `size`.
        pub memory: Size = Size(128 << 20);
        /// Connections at once: 1 to 10000.
        pub connections: u32 = 200;
        /// Connections at once from one address (IPv6: one /64): 1 to 10000.
        pub connections_per_client: u32 = 20;
        /// New connections from one address in a minute: 1 to 100000.
        pub connection_rate: u32 = 300;
        /// Waiting for the next command or the next part of a mail (RFC 5321 §4.5.3.2.7: five minutes): 1s to 1h.
        pub timeout: Period = Period::minutes(5);
        /// Local parts that are taken without a token on each of the domains: `postmaster` and `abuse` are due to people
        /// (RFC 5321 §4.5.1, RFC 2142), feedback loops are registered with one address such as `fbl`, reports of DMARC and
        /// TLS go to `dmarc`.
        pub mailboxes: Vec<String> = ["abuse", "dmarc", "fbl", "postmaster"].map(str::to_owned).into();
        /// Domains (DKIM `d=`) whose signed feedback reports suppress the reader whom they name even without a token of
        /// ours, such as `arf.mail.yahoo.com`. Name only those whose feedback loop you have joined.
        pub reporters: Vec<String> = Vec::new();
        /// A Maildir that another mail server fills; what lies in `new/` is picked up.
        pub maildir: Option<PathBuf> = None, like r#""/var/mail/bounces""#;
        /// What happens to a file that was picked up: "keep" moves it to `cur/`, "remove" removes it.
        pub maildir_after: AfterPickUp = AfterPickUp::Keep;
    }
}

/// What happens to a file that was picked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AfterPickUp {
    /// It goes to `cur/`.
    Keep,
    /// It is removed.
    Remove,
}

impl Inbound {
    /// Whether anything can come in.
    pub fn is_open(&self) -> bool {
        self.has_sockets() || self.maildir.is_some()
    }

    /// Whether anybody may connect.
    pub fn has_sockets(&self) -> bool {
        !self.smtp.is_empty() || !self.lmtp.is_empty()
    }
}
