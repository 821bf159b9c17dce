//! Notices what the operator changes in the folders of templates and keys, among the token secrets and in the shaping file
//! while the node runs.
//!
//! Owns a look every second. Promises: what changed is in force within two looks, in the engine first and then in the
//! database's registry; what cannot be read leaves the last good version in force and is said once for each change; a new
//! selector of a domain that signs already waits until DNS shows its record, because a signature that nobody can verify is
//! worse than an old one. Leaves reading to `desk`, the exchange to `engine::Live`; see `folder` for how a change is seen.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Result, ensure};
use tokio::{task::spawn_blocking, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{
    check, desk,
    folder::{Marks, marks},
    secrets,
};
use crate::{
    config::Config,
    dkim::{Keyring, PublicKey, dns_record, is_published},
    engine::Desk,
    keys::{self, TokenSecret},
    net::{Resolver, SystemClock},
    port::Clock,
    store::{PgStore, Registry},
};

const LOOK: Duration = Duration::from_secs(1);

/// How often DNS is asked whether it shows a new selector by now.
const ASK: Duration = Duration::from_secs(5);

/// What lay in the folders at some moment.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Seen {
    templates: Marks,
    keys: Marks,
    /// The numbers of the token secrets.
    tokens: Vec<u8>,
    shaping: Option<(SystemTime, u64)>,
}

impl Seen {
    pub(super) fn now(config: &Config) -> Self {
        Self {
            templates: marks(&config.templates.folder),
            keys: marks(&config.dkim.folder),
            tokens: keys::token_numbers(&config.data_folder).unwrap_or_default(),
            shaping: config.delivery.shaping.as_deref().and_then(mark),
        }
    }
}

/// When a file was changed last, and how long it is: an editor that keeps one of them changes the other.
fn mark(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = file.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// The looking.
pub(super) struct Refresh {
    pub(super) config: Arc<Config>,
    pub(super) desk: Arc<Desk>,
    pub(super) store: PgStore,
    /// Asked about new selectors; it must not believe for long that there is no record.
    pub(super) dns: Resolver,
    /// What was seen before the desk was set up.
    pub(super) seen: Seen,
    /// What the database knows.
    pub(super) told: Registry,
    /// When DNS is asked again about selectors that wait.
    pub(super) ask_at: Option<Instant>,
    /// When a token secret that only reads as yet may sign.
    pub(super) sign_at: Option<Instant>,
}

impl Refresh {
    /// Looks until told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(LOOK))
            .await
            .is_some()
        {
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let config = Arc::clone(&self.config);
        let Ok(seen) = spawn_blocking(move || Seen::now(&config)).await else {
            return;
        };
        if seen.templates != self.seen.templates {
            self.read_templates().await;
        }
        if seen.shaping != self.seen.shaping {
            self.read_shaping().await;
        }
        let is_due = self.ask_at.is_some_and(|at| at <= Instant::now());
        if seen.keys != self.seen.keys || is_due {
            self.read_keys(seen.keys != self.seen.keys).await;
        }
        let is_due = self.sign_at.is_some_and(|at| at <= Instant::now());
        if seen.tokens != self.seen.tokens || is_due {
            self.read_tokens(seen.tokens != self.seen.tokens).await;
        }
        self.seen = seen;
        self.tell().await;
    }

    async fn read_templates(&self) {
        match self.reading(desk::templates).await {
            Ok(templates) => {
                let names: Vec<&str> = templates.names().map(|(name, _)| name).collect();
                info!("Took over the changed templates: {}", names.join(", "));
                self.desk.templates.replace(templates);
            }
            Err(trouble) => error!(
                "The changed templates cannot be used, those read before stay in force: {trouble:#}"
            ),
        }
    }

    async fn read_shaping(&self) {
        match self.reading(desk::shaping).await {
            Ok(shaping) => {
                info!("Took over the changed shaping; a domain follows within a minute");
                self.desk.shaping.replace(shaping);
            }
            Err(trouble) => error!(
                "The changed shaping cannot be used, the one read before stays in force: {trouble:#}"
            ),
        }
    }

    async fn read_keys(&mut self, is_news: bool) {
        self.ask_at = None;
        match self.newest_published(is_news).await {
            Ok(keyring) if !is_same(&keyring, &self.desk.keyring.get()) => {
                info!("Took over the changed keys, which sign now: {keyring:?}");
                self.desk.keyring.replace(keyring);
            }
            Ok(_) => {}
            Err(trouble) => error!(
                "The changed keys cannot be used, those read before stay in force: {trouble:#}"
            ),
        }
    }

    async fn read_tokens(&mut self, is_news: bool) {
        self.sign_at = None;
        let tokens = self.desk.identity.tokens().clone();
        // What lies there no more is no reason to make another one, as a start does.
        let secrets = self.reading(move |config| {
            let numbers = keys::token_numbers(&config.data_folder)?;
            ensure!(
                numbers.contains(&tokens.signing()),
                "the secret {} that signs is gone; put its file back",
                tokens.signing()
            );
            secrets::secrets(&config.data_folder)
        });
        match secrets.await {
            Ok(secrets) => self.take_secrets(secrets, is_news).await,
            Err(trouble) => error!(
                "The changed token secrets cannot be used, those read before stay in force: {trouble:#}"
            ),
        }
    }

    /// Every secret is read at once. The newest signs where no other node lives that might take its tokens for a stranger's.
    async fn take_secrets(&mut self, secrets: Vec<TokenSecret>, is_news: bool) {
        let tokens = self.desk.identity.tokens();
        let (signed, known) = (tokens.signing(), tokens.numbers());
        let newest = secrets.first().map_or(signed, |secret| secret.id);
        let is_alone = newest == signed || self.is_alone().await;
        let signs = if is_alone { newest } else { signed };
        let Ok(next) = secrets::codec(secrets, signs) else {
            return;
        };
        if signs != signed {
            info!("Took over token secret {signs}, which signs now; older ones are still read");
        } else if !is_alone && is_news {
            info!(
                "Took over token secret {newest}, which is read now; it signs when no other node lives, or after a start"
            );
        } else if next.numbers() != known {
            info!("Token secrets in force: {:?}", next.numbers());
        }
        tokens.replace(&next);
        self.sign_at = (!is_alone).then(|| Instant::now() + ASK);
    }

    async fn is_alone(&self) -> bool {
        self.store.nodes().await.is_ok_and(|nodes| nodes.len() <= 1)
    }

    /// The newest key of each domain that strangers can verify.
    async fn newest_published(&mut self, is_news: bool) -> Result<Keyring> {
        let newest = self.reading(|config| {
            let wished = check::newest(config)?;
            Ok((desk::keyring(config, &wished)?, wished))
        });
        let (newest, mut chosen) = newest.await?;
        let mut waiting = false;
        let signing = self.desk.keyring.get();
        for key in newest.public_keys() {
            let Some(before) = signing.public_keys().find(|old| is_successor(key, old)) else {
                continue;
            };
            let name = dns_record(key).name;
            if is_published(key, &self.dns.texts(&name).await) {
                self.note_published(key);
                continue;
            }
            if is_news {
                info!(
                    "A new key waits until DNS shows {name}; {} signs on",
                    before.selector
                );
            }
            chosen.insert(key.domain.clone(), before.selector.clone());
            self.ask_at = Some(Instant::now() + ASK);
            waiting = true;
        }
        if !waiting {
            return Ok(newest);
        }
        self.reading(move |config| desk::keyring(config, &chosen))
            .await
    }

    /// Writes down that DNS shows a key, so that a restart may begin with it.
    fn note_published(&self, key: &PublicKey) {
        let now = SystemClock.now();
        let folder = &self.config.dkim.folder;
        let note = |dates: &mut keys::Rotation| {
            let entry = dates.entry(key.selector.clone()).or_default();
            entry.published = entry.published.or(Some(now));
        };
        // A folder that is not ours to write in has no dates; the next start asks DNS again.
        if let Err(trouble) = keys::change_rotation(folder, &key.domain, note) {
            info!(
                "The date of {} was not written down: {trouble}",
                key.selector
            );
        }
    }

    /// Files are read where waiting for them keeps nobody else waiting.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Config) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let config = Arc::clone(&self.config);
        spawn_blocking(move || read(&config)).await?
    }

    /// Tells the database, when something new may be named or something old no longer.
    async fn tell(&mut self) {
        let (templates, keyring) = (self.desk.templates.get(), self.desk.keyring.get());
        let registry = desk::registry_of(&self.config, &templates, &keyring);
        if registry == self.told {
            return;
        }
        match self.store.sync_registry(&registry).await {
            Ok(()) => self.told = registry,
            Err(trouble) => {
                error!(error = ?trouble, "Letters cannot name what is new yet; the database is told again soon");
            }
        }
    }
}

fn is_successor(key: &PublicKey, old: &PublicKey) -> bool {
    let same_place = key.domain == old.domain && key.algorithm == old.algorithm;
    same_place && key.selector != old.selector
}

fn is_same(one: &Keyring, other: &Keyring) -> bool {
    one.public_keys().eq(other.public_keys())
}
