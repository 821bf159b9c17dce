//! mail-auth as a receiver uses it, with DNS answers from memory.

use std::{borrow::Borrow, collections::HashMap, hash::Hash, sync::Arc, time::Instant};

use mail_auth::{
    AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt,
    common::{parse::TxtRecordParser, verify::DomainKey},
    hickory_resolver::config::{ResolverConfig, ResolverOpts},
};
use postrider::dkim::{Keyring, dns_record};

/// TXT records by name, as DNS would give them.
pub(crate) struct Zone(HashMap<Box<str>, Txt>);

impl Zone {
    pub(crate) fn of(ring: &Keyring) -> Self {
        let records = ring.public_keys().map(|key| {
            let record = dns_record(key);
            let key = DomainKey::parse(record.text.as_bytes()).unwrap();
            (
                format!("{}.", record.name).into(),
                Txt::DomainKey(Arc::new(key)),
            )
        });
        Self(records.collect())
    }

    /// The result of each signature.
    pub(crate) async fn verify(&self, message: &[u8]) -> Vec<DkimResult> {
        let options = ResolverOpts::default();
        let receiver = MessageAuthenticator::new(ResolverConfig::default(), options).unwrap();
        let parsed = AuthenticatedMessage::parse(message).unwrap();
        let outputs = receiver
            .verify_dkim(Parameters::new(&parsed).with_txt_cache(self))
            .await;
        outputs
            .iter()
            .map(|output| output.result().clone())
            .collect()
    }
}

impl ResolverCache<Box<str>, Txt> for Zone {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.get(name).cloned()
    }

    fn remove<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.get(name)
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}
