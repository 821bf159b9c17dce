//! `exists`, which `mail-auth` takes for a match as soon as the book has an answer, even that there is no address.
//!
//! Owns the detour: the term is judged as an `a` without a prefix, which any address matches, at a name with a mark in front,
//! by which the reader knows to ask for IPv4 addresses whatever the source has (RFC 7208 §5.7).

use std::iter::once;

use mail_auth::spf::{Macro, Mechanism, Spf};

/// A label that no host name has.
const MARK: &str = "exists!.";

/// The record with every `exists` on the detour.
pub(super) fn detoured(mut spf: Spf) -> Spf {
    for directive in &mut spf.directives {
        if let Mechanism::Exists { macro_string } = &directive.mechanism {
            directive.mechanism = Mechanism::A {
                macro_string: marked(macro_string),
                ip4_mask: 0,
                ip6_mask: 0,
            };
        }
    }
    spf
}

fn marked(name: &Macro) -> Macro {
    let parts = match name {
        Macro::List(parts) => parts.to_vec(),
        Macro::None => Vec::new(),
        part => vec![part.clone()],
    };
    let mark = Macro::Literal(MARK.as_bytes().into());
    Macro::List(once(mark).chain(parts).collect())
}

/// The name behind the mark, where there is one.
pub(super) fn meant(name: &str) -> Option<&str> {
    name.strip_prefix(MARK)
}
