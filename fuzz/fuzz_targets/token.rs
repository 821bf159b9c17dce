//! Any bytes as a token and as an address: what is read writes itself again, letter by letter but for its case.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use postrider::{
    mail::Domain,
    token::{Addresses, Kind, TokenKey, Tokens},
};

static OURS: LazyLock<Addresses> = LazyLock::new(|| {
    let key = |id| TokenKey {
        id,
        secret: [id; 32],
    };
    let domain = Domain::parse("bounce.example.com").expect("a domain");
    Addresses {
        domains: vec![(domain, Kind::ReturnPath)],
        mailboxes: vec!["postmaster".to_owned()],
        tokens: Tokens::new(key(2), vec![key(1)]),
    }
});

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for kind in Kind::ALL {
        // Only the key that signs now can be compared; a token of the older one would read and write differently.
        if let Some(named) = OURS.tokens.decode(kind, &text) {
            assert_eq!(OURS.tokens.encode(kind, named).len(), text.len());
        }
        OURS.tokens.decode_local(kind, &text);
    }
    let is_admitted = OURS.admit(&text).is_ok();
    let bears_token = OURS.named(&text).is_some();
    assert!(!bears_token || is_admitted);
});
