//! Whether what arrived was what had been asked for: every letter, each signed, signatures that strangers verify.
//!
//! Promises: a sample of the letters goes to a provider of the small internet, whose verifier shares no line with any
//! signer here; a letter that is unsigned, altered on its way, or signed for another domain spoils the run.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use anyhow::{Context, Result, anyhow, bail, ensure};
use postrider::{
    dkim::{self, KeyFile, Keyring},
    sim::{Dialect, Finding, Plan, SmallInternet, Temper, plan::ProviderPlan},
};

use crate::{
    inject::{self, Parcel},
    lab::SELECTOR,
    letters::{DOMAINS, SENDER, address, domain},
    sink::Tally,
};

/// What no peer may do; other findings are matters of taste between signers.
const FATAL: [Finding; 4] = [
    Finding::Unreadable,
    Finding::Unsigned,
    Finding::BadSignature,
    Finding::NotAligned,
];

/// Checks what a receiver has seen; returns how many signatures were verified.
pub(crate) async fn check(tally: &Tally, key: &str) -> Result<usize> {
    ensure!(
        tally.strange == 0,
        "{} letters came for nobody",
        tally.strange
    );
    ensure!(
        tally.unsigned == 0,
        "{} letters came without a signature",
        tally.unsigned
    );
    let parcels = tally.samples.iter().map(|(number, letter)| Parcel {
        to: address(*number),
        // As it came: dots are doubled already.
        octets: [letter, &b".\r\n"[..]].concat(),
    });
    let parcels: Arc<Vec<Parcel>> = Arc::new(parcels.collect());
    let internet = SmallInternet::start(provider(key)?).await?;
    let host: SocketAddr = *internet.reroute().values().next().context("no provider")?;
    inject::inject(host, &parcels, 1)
        .await
        .context("verifying the sample")?;
    let seen = internet.stop().await;
    for finding in FATAL {
        if let Some(found) = seen.findings.get(&finding) {
            bail!(
                "{finding:?} in {} of {} letters: {:?}",
                found.count,
                parcels.len(),
                found.examples
            );
        }
    }
    ensure!(
        seen.verified == parcels.len() as u64,
        "of {} letters {} were verified",
        parcels.len(),
        seen.verified
    );
    Ok(parcels.len())
}

/// A provider that takes letters for everybody and knows the sender's key.
fn provider(key: &str) -> Result<Plan> {
    let domains: Vec<String> = (0..DOMAINS).map(domain).collect();
    let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
    let provider = ProviderPlan::new("verifier", Dialect::Postfix, Temper::generous());
    let mut plan = Plan::empty(1).with(provider.serving(&domains, &["mx.example.net"]));
    let file = KeyFile {
        domain: SENDER.to_owned(),
        selector: SELECTOR.to_owned(),
        pem: key.to_owned(),
    };
    let ring = Keyring::new([file], &BTreeMap::new());
    let ring = ring.map_err(|faults| anyhow!("the key of the bench: {faults:?}"))?;
    let public = ring.public_keys().next().context("no key")?;
    let record = dkim::dns_record(public);
    plan.texts.push((record.name, record.text));
    Ok(plan)
}
