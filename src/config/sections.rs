//! The tables of `postrider.toml`, one struct each, in the order of the file.
//!
//! Every comment below is also the documentation in the reference file: it speaks to the operator.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use super::{
    secret::{DatabaseUrl, Secret},
    section::section,
    units::{Period, Size},
};

section! {
    /// The database. Without an address the node starts a private PostgreSQL below `data_folder` and stops it again.
    pub struct Database {
        /// Address of a PostgreSQL 15 or newer. `POSTRIDER_DATABASE_URL` or `DATABASE_URL` in
        /// the environment win over it.
        pub url: Option<DatabaseUrl> = None, like r#""postgres://postrider:secret@db.example.com/postrider""#;
        /// Connections of this node at most: 2 to 1000.
        pub connections: u32 = 16;
        /// Folder of `postgres` and `initdb` for the private PostgreSQL, when it is in an unusual place.
        pub server_programs: Option<PathBuf> = None, like r#""/opt/postgresql-17/bin""#;
        /// User that runs the private PostgreSQL when the node runs as root; normally `postgres`, else `nobody`.
        pub server_account: Option<String> = None, like r#""postgres""#;
    }
}

section! {
    /// The HTTP interface. It speaks no TLS itself: put a reverse proxy in front where the network is not private.
    pub struct Http {
        /// Address and port to listen on, such as `127.0.0.1:8025` or `[::]:8025`.
        pub listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8025));
        /// Largest body of a request that is read as a whole; streams of letters have no limit, their lines have
        /// `limits.letter_size`.
        pub body_size: Size = Size(32 << 20);
        /// Requests worked on at once; further ones wait. 1 to 100000.
        pub requests: u32 = 256;
    }
}

section! {
    /// How this node speaks to the recipients' mail servers.
    pub struct Smtp {
        /// Port of the recipients' mail servers.
        pub port: u16 = 25;
        /// Host name given in EHLO by sources that name none. It should have an address record that points here, and
        /// the address a PTR record that points back (RFC 5321 §4.1.1.1; Gmail and Yahoo require it).
        pub ehlo: Option<String> = None, like r#""mx1.mail.example.com""#;
        /// Local addresses to send from. Without any, the system chooses one.
        pub sources: Vec<Source> = Vec::new();
        /// Groups of sources, for streams that name one.
        pub pools: Vec<Pool> = Vec::new();
    }
}

section! {
    /// A local address to send from.
    pub struct Source {
        /// Its name in reports and limits.
        pub name: String = String::new(), like r#""s1""#;
        /// The local address to connect from; behind NAT the private one.
        pub address: Option<IpAddr> = None, like r#""192.0.2.10""#;
        /// The address that receivers see, where it is another one; `postrider check` looks at it.
        pub public_address: Option<IpAddr> = None, like r#""198.51.100.10""#;
        /// Host name given in EHLO from this address.
        pub ehlo: Option<String> = None, like r#""mx1.mail.example.com""#;
        /// How much of a pool's mail it takes beside the other sources: 1 to 1000.
        pub weight: u32 = 1, like "1";
    }
}

section! {
    /// Some of the sources, for the letters of some streams.
    pub struct Pool {
        /// Its name, by which a stream chooses it.
        pub name: String = String::new(), like r#""bulk""#;
        /// The names of its sources. A source that may not send to a provider now is passed over there.
        pub sources: Vec<String> = Vec::new(), like r#"["s1", "s2"]"#;
    }
}

section! {
    /// How names are looked up.
    pub struct DnsSettings {
        /// Addresses and ports of resolvers; without any, those of the system (/etc/resolv.conf).
        pub servers: Vec<SocketAddr> = Vec::new();
        /// How long one question may take, all repetitions included.
        pub timeout: Period = Period::seconds(10);
        /// An answer is believed at least so long, even when its TTL is shorter.
        pub cache_min: Period = Period::seconds(60);
        /// An answer is believed at most so long, even when its TTL is longer.
        pub cache_max: Period = Period::hours(24);
        /// "There is no such name" is believed at most so long.
        pub cache_negative_max: Period = Period::minutes(15);
        /// Answers kept at most: 100 to 10000000.
        pub cache_entries: u32 = 100_000;
    }
}

section! {
    /// How many letters go where at once.
    pub struct Delivery {
        /// Connections to one site at once, from this node: 1 to 1000.
        pub connections_per_site: u32 = 10;
        /// Letters over one connection before it is closed: 1 to 100000.
        pub letters_per_connection: u32 = 100;
        /// Whether letters go in chunks (BDAT, RFC 3030) to servers that offer it; a server that then does not know it is
        /// spoken to with DATA.
        pub chunking: bool = true;
        /// A file with the pace of each provider, over the compiled-in profiles: see docs/pace.md. A file that changes is
        /// read again while the node runs; one that cannot be used leaves the last good one in force.
        pub shaping: Option<PathBuf> = None, like r#""shaping.toml""#;
        /// How long a connection without work stays open.
        pub idle_connection: Period = Period::seconds(5);
        /// Letters in memory at once, leased and not settled: 1 to 1000000. More memory, more speed.
        pub in_flight: u32 = 4_000;
        /// Content of the letters in memory at once; at most an eighth of the memory that the system grants the process. The
        /// node leases less rather than to exceed it.
        pub in_flight_size: Size = Size(128 << 20);
        /// A node that is silent for so long may lose its letters to the others, and after as long again does. Long enough
        /// for a pause of the machine.
        pub lease: Period = Period::minutes(2);
        /// Which addresses of a mail server to try first: "ipv4" or "ipv6". IPv4 addresses have the longer reputation.
        pub prefer: Family = Family::Ipv4;
        /// Waiting for a connection.
        pub timeout_connect: Period = Period::seconds(30);
        /// Waiting for the greeting (RFC 5321 §4.5.3.2.1: 5 minutes).
        pub timeout_greeting: Period = Period::minutes(5);
        /// Waiting for the answer to EHLO, STARTTLS and AUTH, and for the TLS handshake.
        pub timeout_hello: Period = Period::minutes(5);
        /// Waiting for the answer to MAIL FROM (RFC 5321 §4.5.3.2.2: 5 minutes).
        pub timeout_mail: Period = Period::minutes(5);
        /// Waiting for the answer to RCPT TO (RFC 5321 §4.5.3.2.3: 5 minutes).
        pub timeout_recipient: Period = Period::minutes(5);
        /// Waiting for the answer to DATA (RFC 5321 §4.5.3.2.4: 2 minutes).
        pub timeout_data: Period = Period::minutes(2);
        /// Waiting for room to send a block of the letter (RFC 5321 §4.5.3.2.5: 3 minutes).
        pub timeout_block: Period = Period::minutes(3);
        /// Waiting for the answer to the final dot (RFC 5321 §4.5.3.2.6: 10 minutes). Giving up earlier sends letters
        /// twice.
        pub timeout_final_dot: Period = Period::minutes(10);
    }
}

section! {
    /// What stops a campaign at a provider, or a stream's letters outside campaigns (docs/holds.md). Limits are per cent, and count
    /// only when they are surely exceeded: one complaint among fifty letters is no rate. What is stopped is held, and a
    /// person releases it. Transactional streams are warned of and never stopped.
    pub struct Brakes {
        /// Whether anything is stopped, or warned of.
        pub enabled: bool = true;
        /// Days of UTC that count, today being one of them: 1 to 30.
        pub days: u32 = 3;
        /// Complaints among letters delivered that are worth a warning, in per cent: 0.001 to 100.
        pub complaints_warn: f64 = 0.1;
        /// Those that stop. Gmail and Yahoo refuse senders beyond 0.3.
        pub complaints_stop: f64 = 0.3;
        /// Hard bounces among letters answered that are worth a warning.
        pub hard_bounces_warn: f64 = 2.0;
        /// Those that stop. Mail.ru objects to 5.
        pub hard_bounces_stop: f64 = 5.0;
        /// Refusals for the content among letters answered that are worth a warning.
        pub spam_warn: f64 = 1.0;
        /// Those that stop.
        pub spam_stop: f64 = 3.0;
    }
}

/// A version of the Internet protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4 before IPv6.
    Ipv4,
    /// IPv6 before IPv4.
    Ipv6,
}

section! {
    /// Encryption on the way to the recipients' mail servers.
    pub struct Tls {
        /// "opportunistic": encrypted where the server offers it, whoever it proves to be; "required": encrypted to
        /// the right server, or not at all.
        pub mode: TlsMode = TlsMode::Opportunistic;
        /// Whether the MTA-STS policies of recipient domains (RFC 8461) are fetched and obeyed.
        pub mta_sts: bool = true;
        /// Whether DANE (RFC 7672) is obeyed, on the word of the DNS servers that they have validated DNSSEC: "auto": if all of
        /// them are on this machine; "on": the way to them is safe; "off": never.
        pub dane: DaneMode = DaneMode::Auto;
        /// The author of TLS reports (RFC 8460) to the domains that ask for them, in a domain with a DKIM key; without it none are
        /// sent.
        pub reports_from: Option<String> = None, like r#""tls-reports@example.com""#;
        /// The stream that carries those reports.
        pub reports_stream: String = "transactional".to_owned();
    }
}

/// Whose word counts that a DNS answer is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DaneMode {
    /// Servers on this machine.
    Auto,
    /// All servers.
    On,
    /// None.
    Off,
}

/// Whether a connection must be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Where the server offers it.
    Opportunistic,
    /// Or no letter leaves.
    Required,
    /// Never; for a route to the same machine.
    Off,
}

section! {
    /// A fixed way for a recipient domain, such as a smarthost.
    pub struct Route {
        /// The recipient domain; "*" is every domain that no other route names.
        pub domain: String = String::new(), like r#""example.org""#;
        /// The server to hand the letters to: a host name or an address.
        pub host: String = String::new(), like r#""smarthost.example.net""#;
        /// Its port.
        pub port: u16 = 25, like "587";
        /// User name for AUTH.
        pub user: Option<String> = None, like r#""postrider""#;
        /// Password for AUTH. `password_file` keeps it out of this file.
        pub password: Option<Secret> = None, like r#""secret""#;
        /// A file with the password, its only line.
        pub password_file: Option<PathBuf> = None, like r#""/etc/postrider/smarthost.password""#;
        /// "opportunistic", "required" or "off".
        pub tls: TlsMode = TlsMode::Required, like r#""required""#;
    }
}

section! {
    /// The names under which the letters travel. All of them are domains of yours, best below the From domain.
    pub struct Identity {
        /// Bounces come back to an address of this domain (RFC 5321 MAIL FROM); its MX must lead here.
        pub return_path_domain: Option<String> = None, like r#""bounce.example.com""#;
        /// Right side of Message-ID.
        pub message_id_domain: Option<String> = None, like r#""mail.example.com""#;
        /// Beginning of one-click unsubscribe addresses (RFC 8058), https only; the token is put behind it.
        pub unsubscribe_url: Option<String> = None, like r#""https://u.example.com/o/""#;
        /// Domain of unsubscribe addresses for mail readers that write a letter instead; its MX must lead here.
        pub unsubscribe_domain: Option<String> = None, like r#""unsub.example.com""#;
        /// Domain of complaint addresses (CFBL-Address, RFC 9477); its MX must lead here.
        pub feedback_domain: Option<String> = None, like r#""fbl.example.com""#;
        /// Domain of List-Id values (RFC 2919); Yandex groups its statistics by them.
        pub list_domain: Option<String> = None, like r#""list.example.com""#;
        /// Last part of Feedback-ID, by which Gmail groups complaints: 5 to 15 letters and digits, never changed.
        pub sender_id: Option<String> = None, like r#""examplemail""#;
    }
}

section! {
    /// Where templates are.
    pub struct Templates {
        /// Folder of `<name>/<locale>/{subject.txt,text.txt,html.html}`.
        pub folder: PathBuf = "templates".into();
        /// The locale for readers whose own one a template lacks.
        pub default_locale: String = "default".to_owned();
    }
}

section! {
    /// What `postrider check` looks at beside the records (docs/check.md); a running node repeats it.
    pub struct Check {
        /// How often a running node checks every sending domain: 1m to 7d.
        pub every: Period = Period::hours(1);
        /// Whether a running node checks at all.
        pub while_serving: bool = true;
        /// Block lists for addresses; an empty list asks nobody. Many refuse big public resolvers: run one of your own.
        pub address_lists: Vec<String> = ["zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org", "psbl.surriel.com"].map(str::to_owned).into();
        /// Block lists for domains.
        pub domain_lists: Vec<String> = vec!["dbl.spamhaus.org".to_owned()];
        /// An SNTP server to compare the clock with, `host:port`; empty asks nobody.
        pub time_server: String = "pool.ntp.org:123".to_owned();
        /// Age at which a DKIM key should be replaced, in days: 1 to 3650.
        pub key_age_days: u32 = 180;
        /// The address that DMARC and TLS reports go to; without it `dmarc` at the domain for complaints, else for bounces.
        pub reports_to: Option<String> = None, like r#""dmarc@fbl.example.com""#;
    }
}

section! {
    /// Signing.
    pub struct Dkim {
        /// Folder of `<domain>/<selector>.pem`, readable by this node's user only.
        pub folder: PathBuf = "dkim-keys".into();
        /// Whether a domain that has an Ed25519 key beside its RSA key signs with both (RFC 8463). Yahoo counts
        /// signatures it cannot read as failed.
        pub second_signature_ed25519: bool = false;
    }
}

section! {
    /// What callers may ask for at once.
    pub struct Limits {
        /// Largest letter as it leaves, attachments included. Gmail takes 25 MiB, most others 10 to 30.
        pub letter_size: Size = Size(10 << 20);
        /// Letters stored by one transaction: 1 to 10000.
        pub batch: u32 = 500;
    }
}

section! {
    /// How long things are kept.
    pub struct Retention {
        /// History of letters, by whole days: 1 to 3650. Late bounces, complaints and unsubscribe links find their letter
        /// for as long: keep 60 days at least where letters carry such links (CAN-SPAM asks for 30).
        pub events_days: u32 = 90;
        /// Texts of letters that have reached a final state, by whole days: 0 to 3650.
        pub bodies_days: u32 = 7;
        /// Mails that came in and were read, by whole days: 1 to 3650. They hold addresses of people.
        pub inbound_days: u32 = 30;
    }
}

section! {
    /// What is logged, on standard error.
    pub struct Log {
        /// "error", "warn", "info", "debug", "trace", or a filter such as
        /// `info,postrider::smtp=debug`.
        pub level: String = "info".to_owned();
        /// "text" for people, "json" for machines.
        pub format: LogFormat = LogFormat::Text;
    }
}

/// Who reads the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// People.
    Text,
    /// Machines: one JSON object per line.
    Json,
}
