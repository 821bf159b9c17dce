//! Where a refusal was heard: at which step, from whom.
//!
//! Owns the words for it on the command line and in files. Promises: what it does not know is refused with the words that
//! it knows.

use crate::mail::{Provider, Stage};

/// Where a reply was heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Talk {
    pub(super) stage: Stage,
    pub(super) provider: Provider,
}

/// A provider by its name or by the name of one of its hosts.
pub(super) fn provider(name: &str) -> Result<Provider, String> {
    let name = name.to_ascii_lowercase();
    let host = Provider::of_mx(&name);
    Provider::parse(&name)
        .or((name.contains('.')).then_some(host))
        .ok_or_else(|| {
            let names = Provider::ALL.map(Provider::name).join(", ");
            format!("the providers are {names}; the name of an MX host will do too")
        })
}

pub(super) fn stage(name: &str) -> Result<Stage, String> {
    Stage::parse(name).ok_or_else(|| {
        let names = Stage::ALL.map(Stage::name).join(", ");
        format!("the stages are {names}")
    })
}
