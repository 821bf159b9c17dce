//! How this node asks DNS.
//!
//! Owns the translation of `[dns]`. Leaves asking to `net`.

use anyhow::Result;

use crate::{
    config::{Config, sections::DaneMode},
    net::{CacheOptions, Resolver, ResolverOptions, Trusted},
};

/// Asks the operator's DNS.
pub fn resolver(config: &Config) -> Result<Resolver> {
    Ok(Resolver::new(&dns(config))?)
}

pub(super) fn dns(config: &Config) -> ResolverOptions {
    ResolverOptions {
        servers: config.dns.servers.clone(),
        patience: config.dns.timeout.0,
        dnssec: match config.tls.dane {
            DaneMode::Auto => Trusted::Loopback,
            DaneMode::On => Trusted::All,
            DaneMode::Off => Trusted::Nobody,
        },
        cache: CacheOptions {
            min: config.dns.cache_min.0,
            max: config.dns.cache_max.0,
            negative_max: config.dns.cache_negative_max.0,
            entries: u64::from(config.dns.cache_entries),
        },
        ..ResolverOptions::default()
    }
}
