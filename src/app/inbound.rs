//! The doors for what comes back, and the reading behind them.
//!
//! Owns the translation of `[inbound]` and the start of listener, Maildir and feedback. Promises: what cannot work is said
//! before anything is started; mails that were kept are read also where no door is open any more.

use std::{fs::File, io::BufReader, path::Path, sync::Arc};

use anyhow::{Context, Result, anyhow};
use futures_util::future::BoxFuture;
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{desk, secrets};
use crate::{
    config::{Config, Inbound, inbound::AfterPickUp},
    engine::feedback::{self, Feedback, FeedbackDesk},
    http::{self, Left},
    inbound::{self, Listener, Maildir, Protocol, Settings, maildir::After},
    mail::Domain,
    metrics::Metrics,
    net::{Resolver, SystemClock},
    policy::{StreamKind, StreamPolicy},
    port::{Clock, StoreError, inbound::InboundWatch},
    store::PgStore,
    token::{Addresses, Kind},
};

/// The reading of a node or a command.
pub type RealFeedback<W> = Feedback<PgStore, Resolver, W>;

/// Doors that are open already.
pub(super) struct Doors {
    listener: Option<(Listener, Settings)>,
    maildir: Option<Maildir>,
}

impl Doors {
    /// Opens them, or says what is in the way.
    pub(super) async fn open(config: &Config) -> Result<Self> {
        let settings = settings(config)?;
        let listener = if config.inbound.has_sockets() {
            let open = Listener::bind(&settings.sockets).await;
            let listener = open.map_err(|(at, error)| {
                anyhow!(error).context(format!("listening on inbound {at}"))
            })?;
            Some((listener, settings))
        } else {
            None
        };
        let folder = config.inbound.maildir.as_deref();
        let maildir = folder.map(|folder| maildir(&config.inbound, folder));
        if let Some(maildir) = &maildir {
            let place = maildir.folder.display();
            let fault = || format!("inbound.maildir {place} must have the folders new and cur");
            maildir.check().with_context(fault)?;
        }
        Ok(Self { listener, maildir })
    }

    /// Where it listens.
    fn addresses(&self) -> Vec<std::net::SocketAddr> {
        let listener = self.listener.as_ref();
        listener.map_or_else(Vec::new, |(listener, _)| listener.addresses())
    }

    /// Starts everything that takes mails and reads them.
    pub(super) fn start(
        self,
        tasks: &mut JoinSet<()>,
        feedback: Arc<RealFeedback<Arc<Metrics>>>,
        stop: &CancellationToken,
    ) {
        for at in self.addresses() {
            info!(listen = %at, "Bounces, complaints and unsubscribe letters are taken at {at}");
        }
        let watch = Arc::clone(&feedback.watch);
        if let Some((listener, settings)) = self.listener {
            let addresses = feedback.desk.addresses.clone();
            let world = (feedback.store.clone(), SystemClock, watch);
            tasks.spawn(inbound::serve(
                listener,
                settings,
                addresses,
                world,
                stop.clone(),
            ));
        }
        if let Some(maildir) = self.maildir {
            let store = feedback.store.clone();
            tasks.spawn(maildir.watch(store, SystemClock, stop.clone()));
        }
        tasks.spawn(feedback::serve(feedback, SystemClock, stop.clone()));
    }
}

/// The reading, over that store.
pub fn feedback<W: InboundWatch>(
    config: &Config,
    store: PgStore,
    dns: Resolver,
    watch: W,
) -> Result<RealFeedback<W>> {
    Ok(Feedback {
        store,
        dns,
        watch,
        desk: feedback_desk(config)?,
    })
}

impl<W: InboundWatch> http::Unsubscribe for RealFeedback<W> {
    fn knows(&self, token: &str) -> bool {
        self.named(token).is_some()
    }

    fn unsubscribe<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Left, StoreError>> {
        Box::pin(async move {
            let Some(named) = self.named(token) else {
                return Ok(Left::NotOurs);
            };
            let effect = self.leave(named, SystemClock.now()).await?;
            Ok(effect.map_or(Left::TooOld, |_| Left::Done))
        })
    }
}

/// Where one-click addresses lead: the path of `identity.unsubscribe_url` where it is one that a token can stand behind,
/// and `/u/` for a web server that rewrites.
pub(super) fn one_click_prefixes(config: &Config) -> Vec<String> {
    let url = config.identity.unsubscribe_url.as_deref().unwrap_or("");
    let mut prefixes = vec!["/u/".to_owned()];
    prefixes.extend(one_click_path(url).filter(|path| path != "/u/"));
    prefixes
}

fn one_click_path(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let path = &rest[rest.find('/')?..];
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b);
    // Below `/v1/` other things stand already.
    let is_free = !path.starts_with("/v1/") && !path.contains("//");
    (is_free && path.ends_with('/') && path.bytes().all(is_plain)).then(|| path.to_owned())
}

fn feedback_desk(config: &Config) -> Result<FeedbackDesk> {
    let policies = config.stream.iter().map(|stream| {
        let policy = desk::policy(stream)?;
        Ok((stream.name.clone(), policy))
    });
    let reporters = config.inbound.reporters.iter();
    let reporters = reporters.map(|name| Domain::parse(name).context("inbound.reporters"));
    Ok(FeedbackDesk {
        addresses: addresses(config)?,
        streams: policies.collect::<Result<_>>()?,
        stray: StreamPolicy::standard("stray", StreamKind::Marketing),
        reporters: reporters.collect::<Result<_>>()?,
    })
}

/// The domains that are configured; one that is not takes nothing.
fn addresses(config: &Config) -> Result<Addresses> {
    let names = &config.identity;
    let mut domains = Vec::new();
    for (key, name, kind) in [
        (
            "return_path_domain",
            &names.return_path_domain,
            Kind::ReturnPath,
        ),
        ("feedback_domain", &names.feedback_domain, Kind::Feedback),
        (
            "unsubscribe_domain",
            &names.unsubscribe_domain,
            Kind::Unsubscribe,
        ),
    ] {
        if let Some(name) = name {
            domains.push((desk::domain(key, Some(name))?, kind));
        }
    }
    Ok(Addresses {
        domains,
        mailboxes: config.inbound.mailboxes.clone(),
        tokens: secrets::tokens(&config.data_folder)?,
    })
}

fn settings(config: &Config) -> Result<Settings> {
    let inbound = &config.inbound;
    let smtp = inbound.smtp.iter().map(|at| (Protocol::Smtp, *at));
    let lmtp = inbound.lmtp.iter().map(|at| (Protocol::Lmtp, *at));
    let host = inbound.host.clone().or_else(|| config.smtp.ehlo.clone());
    Ok(Settings {
        sockets: smtp.chain(lmtp).collect(),
        host: host.unwrap_or_else(|| "localhost".to_owned()),
        tls: acceptor(inbound)?,
        size_max: usize::try_from(inbound.size.0)?,
        memory_max: usize::try_from(inbound.memory.0)?,
        guests_max: inbound.connections as usize,
        guests_per_client_max: inbound.connections_per_client,
        rate_per_client: inbound.connection_rate,
        patience: inbound.timeout.0,
        ..Settings::default()
    })
}

/// A Maildir in that folder, picked up as the operator says.
pub fn maildir(inbound: &Inbound, folder: &Path) -> Maildir {
    Maildir {
        folder: folder.to_owned(),
        after: match inbound.maildir_after {
            AfterPickUp::Keep => After::Keep,
            AfterPickUp::Remove => After::Remove,
        },
        size_max: usize::try_from(inbound.size.0).unwrap_or(usize::MAX),
    }
}

fn acceptor(inbound: &Inbound) -> Result<Option<TlsAcceptor>> {
    let (Some(certificate), Some(key)) = (&inbound.certificate, &inbound.key) else {
        return Ok(None);
    };
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain(certificate)?, private_key(key)?)
        .context("inbound.certificate and inbound.key do not fit together")?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let fault = || format!("reading inbound.certificate {}", path.display());
    let file = File::open(path).with_context(fault)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_reader_iter(BufReader::new(file)).collect();
    let chain = chain.with_context(fault)?;
    if chain.is_empty() {
        return Err(anyhow!("there is no certificate in it").context(fault()));
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let fault = || format!("reading inbound.key {}", path.display());
    let file = File::open(path).with_context(fault)?;
    PrivateKeyDer::from_pem_reader(BufReader::new(file)).with_context(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Option<&str>) {
        assert_eq!(one_click_path(url).as_deref(), expected, "{url}");
    }

    #[test]
    fn one_click_is_served_where_a_token_can_stand_behind_a_path() {
        check("https://u.example.com/o/", Some("/o/"));
        check("https://u.example.com/", Some("/"));
        check("https://u.example.com/a/b-c/", Some("/a/b-c/"));
        check("https://u.example.com", None);
        check("https://u.example.com/o", None);
        check("https://u.example.com/?t=", None);
        check("https://u.example.com/{id}/", None);
        check("https://u.example.com//", None);
        check("https://u.example.com/v1/letters/", None);
    }
}
