//! Which addresses are ours.
//!
//! Owns the answer to `RCPT TO`. Promises: an address with a token is ours only if the token is, on the domain of its kind;
//! one wrong character is not ours; every other domain is relaying. Leaves the codec to its parent.

use super::{Kind, Named, Tokens};
use crate::{mail::Domain, port::inbound::TurnedAway};

/// RFC 5321 §4.5.1: the one address that needs no domain.
const POSTMASTER: &str = "postmaster";

/// The addresses of this node.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Which domain takes which kind of token.
    pub domains: Vec<(Domain, Kind)>,
    /// Local parts that are taken without a token on each of the domains: people and feedback loops write to them.
    pub mailboxes: Vec<String>,
    /// The codec.
    pub tokens: Tokens,
}

impl Addresses {
    /// Whether mail to this address is taken.
    pub fn admit(&self, address: &str) -> Result<(), TurnedAway> {
        let Some((local, domain)) = address.rsplit_once('@') else {
            let is_postmaster = address.eq_ignore_ascii_case(POSTMASTER);
            return if is_postmaster && self.has_mailbox(address) {
                Ok(())
            } else {
                Err(TurnedAway::NoSuchAddress)
            };
        };
        let domain = Domain::parse(domain).map_err(|_| TurnedAway::Relay)?;
        if !self.domains.iter().any(|(ours, _)| *ours == domain) {
            return Err(TurnedAway::Relay);
        }
        let is_ours = self.has_mailbox(local) || self.named_at(local, &domain).is_some();
        is_ours.then_some(()).ok_or(TurnedAway::NoSuchAddress)
    }

    /// The letter that an address names, and for what.
    pub fn named(&self, address: &str) -> Option<(Kind, Named)> {
        let (local, domain) = address.rsplit_once('@')?;
        self.named_at(local, &Domain::parse(domain).ok()?)
    }

    fn named_at(&self, local: &str, domain: &Domain) -> Option<(Kind, Named)> {
        let mut kinds = self.domains.iter().filter(|(ours, _)| ours == domain);
        kinds.find_map(|(_, kind)| Some((*kind, self.tokens.decode_local(*kind, local)?)))
    }

    fn has_mailbox(&self, local: &str) -> bool {
        self.mailboxes
            .iter()
            .any(|mailbox| mailbox.eq_ignore_ascii_case(local))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{
        mail::{LetterId, Shard},
        token::TokenKey,
    };

    const LETTER: Named = Named {
        id: LetterId(Uuid::from_u128(7)),
        shard: Shard(9),
    };

    fn domain(name: &str) -> Domain {
        Domain::parse(name).unwrap()
    }

    fn ours() -> Addresses {
        let key = TokenKey {
            id: 1,
            secret: [7; 32],
        };
        Addresses {
            domains: vec![
                (domain("bounce.example.com"), Kind::ReturnPath),
                (domain("fbl.example.com"), Kind::Feedback),
                (domain("unsub.example.com"), Kind::Unsubscribe),
            ],
            mailboxes: vec!["postmaster".to_owned(), "abuse".to_owned()],
            tokens: Tokens::new(key, Vec::new()),
        }
    }

    fn check(address: &str, expected: Result<(), TurnedAway>) {
        assert_eq!(ours().admit(address), expected, "{address}");
    }

    #[test]
    fn tokens_are_good_on_the_domain_of_their_kind_in_any_case() {
        let bounce = ours().tokens.local_part(Kind::ReturnPath, LETTER);
        check(&format!("{bounce}@bounce.example.com"), Ok(()));
        let shouted = format!("{bounce}@Bounce.Example.COM").to_uppercase();
        check(&shouted, Ok(()));
        let elsewhere = format!("{bounce}@fbl.example.com");
        check(&elsewhere, Err(TurnedAway::NoSuchAddress));
        let relayed = format!("{bounce}@example.com");
        check(&relayed, Err(TurnedAway::Relay));
    }

    #[test]
    fn mailboxes_need_no_token_and_postmaster_no_domain() {
        check("Postmaster", Ok(()));
        check("abuse", Err(TurnedAway::NoSuchAddress));
        check("ABUSE@fbl.example.com", Ok(()));
        check("sales@fbl.example.com", Err(TurnedAway::NoSuchAddress));
        check("abuse@example.org", Err(TurnedAway::Relay));
        check("abuse@[192.0.2.1]", Err(TurnedAway::Relay));
        check("a%b@c@bounce.example.com", Err(TurnedAway::NoSuchAddress));
        check("", Err(TurnedAway::NoSuchAddress));
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_not_ours(at in 0_usize..50, to in "[ -~]") {
            let right = ours().tokens.local_part(Kind::ReturnPath, LETTER);
            let mut wrong = right.clone();
            wrong.replace_range(at..=at, &to);
            let address = format!("{wrong}@bounce.example.com");
            prop_assert_eq!(ours().named(&address).is_some(), wrong.eq_ignore_ascii_case(&right));
        }

        #[test]
        fn no_stranger_is_let_in(address in "\\PC{0,60}") {
            let is_mailbox = ["postmaster", "abuse"].iter().any(|name| address.to_lowercase().starts_with(name));
            prop_assert!(is_mailbox || ours().admit(&address).is_err());
        }
    }
}
