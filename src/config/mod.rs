//! `postrider.toml`: what the operator decides.
//!
//! Owns the typed [`Config`], its reading, checking and printing. Promises: a key that is not known, a value that cannot
//! be, is named with file, line and what is allowed; every key's documentation is the comment above its field, and the
//! reference file is made from those. Leaves the meaning of the values to those who use them. Read [`sections`] next.

mod check;
mod error;
pub mod inbound;
mod places;
pub mod quiet;
mod reference;
mod secret;
mod section;
pub mod sections;
mod shaping;
pub mod stream;
mod units;
mod warmup;

use std::{fs, io::Read, path::Path};

pub use check::Fault;
pub use error::ConfigError;
pub use inbound::Inbound;
use places::Places;
pub use secret::{DatabaseUrl, Secret};
use section::section;
use sections::{
    Brakes, Check, Database, Delivery, Dkim, DnsSettings, Http, Identity, Limits, Log, Retention,
    Route, Smtp, Templates, Tls,
};
pub use shaping::shaping;
pub use stream::{Stream, StreamKind, StreamPolicy};
pub use units::{Period, Size};
pub use warmup::Warmup;

/// A configuration is written by hand; a larger file is some other file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

section! {
    /// Configuration of a Postrider node. Every key is optional; the values shown are the ones in force without it.
    /// Times are texts such as "90s", "5m", "2h", "3d"; sizes are texts such as "512KiB", "10MiB".
    pub struct Config {
        /// Name of this node in logs, leases and metrics. Two nodes on one database need two names.
        pub node: String = "node-1".to_owned();
        /// Folder for what this node keeps beside the database: the private PostgreSQL, the crash journal, the token
        /// secret. Relative paths start where the program is started.
        pub data_folder: std::path::PathBuf = "postrider-data".into();
        /// The database.
        pub database: Database = Database::default();
        /// The HTTP interface: API, unsubscribe and tracking pages, metrics.
        pub http: Http = Http::default();
        /// How this node speaks to the recipients' mail servers.
        pub smtp: Smtp = Smtp::default();
        /// How names are looked up.
        pub dns: DnsSettings = DnsSettings::default();
        /// How many letters go where at once.
        pub delivery: Delivery = Delivery::default();
        /// Encryption on the way to the recipients' mail servers.
        pub tls: Tls = Tls::default();
        /// Sources that are brought to their volume day by day.
        pub warmup: Vec<Warmup> = Vec::new();
        /// What stops a campaign at a provider.
        pub brakes: Brakes = Brakes::default();
        /// Fixed ways for some recipient domains, in place of their MX hosts.
        pub route: Vec<Route> = Vec::new();
        /// The names under which the letters travel.
        pub identity: Identity = Identity::default();
        /// Where bounces, complaints and unsubscribe letters come in.
        pub inbound: Inbound = Inbound::default();
        /// Kinds of mail, each with its own policy. Naming any stream here replaces all of the default ones.
        pub stream: Vec<Stream> = Stream::defaults();
        /// Where templates are.
        pub templates: Templates = Templates::default();
        /// Signing.
        pub dkim: Dkim = Dkim::default();
        /// What is looked at by `postrider check`.
        pub check: Check = Check::default();
        /// What callers may ask for at once.
        pub limits: Limits = Limits::default();
        /// How long things are kept.
        pub retention: Retention = Retention::default();
        /// What is logged.
        pub log: Log = Log::default();
    }
}

impl Config {
    /// Reads a file, lets the environment override the database's address, and checks the whole.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        Self::parse(&text, path, |name| std::env::var(name).ok())
    }

    /// Reads a text as if it were the file of that name, with that environment.
    pub fn parse(
        text: &str,
        path: &Path,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut config: Self =
            toml::from_str(text).map_err(|error| ConfigError::misread(path, text, &error))?;
        for stream in &mut config.stream {
            stream.fill();
        }
        config.listen_to(environment);
        let faults = config.check();
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::invalid(path, &Places::of(text), faults))
        }
    }

    /// The environment wins over the file, so that a password need not be in the file.
    fn listen_to(&mut self, environment: impl Fn(&str) -> Option<String>) {
        let url = environment("POSTRIDER_DATABASE_URL").or_else(|| environment("DATABASE_URL"));
        if let Some(url) = url.filter(|url| !url.is_empty()) {
            self.database.url = Some(DatabaseUrl::new(url));
        }
    }

    /// The configuration in force, as TOML; secrets are masked.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).unwrap_or_else(|error| format!("# {error}\n"))
    }

    /// The reference: every key with its documentation and the value that is in force without it.
    pub fn default_toml() -> String {
        reference::render()
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(ConfigError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ConfigError::TooBig {
            path: path.to_owned(),
        });
    }
    String::from_utf8(bytes).map_err(|_| ConfigError::NotText {
        path: path.to_owned(),
    })
}
