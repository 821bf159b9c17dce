//! Tokens that name a letter to strangers and come back as proof.
//!
//! Owns the keyed codec behind return paths, feedback addresses, unsubscribe links and Message-IDs. Promises: decoding
//! anything but our own, unchanged, for the same purpose, is `None`; tokens survive case folding; every local part fits
//! in 64 octets (RFC 5321 §4.5.3.1.1). Does not know addresses or headers; see `compose::identity` for where tokens go
//! and the engine's feedback for what comes back.

mod addresses;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::{constant_time, hmac};
use data_encoding::BASE32_NOPAD_NOCASE;
use uuid::Uuid;

pub use self::addresses::Addresses;
use crate::mail::{LetterId, Shard};

/// Octets of HMAC-SHA256 that travel: 96 bits, beyond the 80 that RFC 2104 §5 asks for, and 30 octets in all make 48
/// base32 letters without a spare bit, so no second spelling of a token exists.
const MAC_OCTETS: usize = 12;
/// Key id, shard, letter id.
const NAMED_OCTETS: usize = 1 + 1 + 16;
const TOKEN_OCTETS: usize = NAMED_OCTETS + MAC_OCTETS;
/// Letters of a token in text.
pub const TOKEN_LETTERS: usize = TOKEN_OCTETS / 5 * 8;

/// What a token is good for. A token of one kind never decodes as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// MAIL FROM, where bounces come back.
    ReturnPath,
    /// Where complaints come back (RFC 9477).
    Feedback,
    /// The right to unsubscribe this reader from this kind of mail (RFC 8058).
    Unsubscribe,
    /// The left side of the Message-ID.
    MessageId,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::ReturnPath,
        Self::Feedback,
        Self::Unsubscribe,
        Self::MessageId,
    ];

    /// What stands before the token in a local part.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::ReturnPath => "b+",
            Self::Feedback => "fbl+",
            Self::Unsubscribe => "u+",
            Self::MessageId => "",
        }
    }

    /// Mixed into the MAC, so that a return path, which every receiver sees, cannot unsubscribe.
    const fn octet(self) -> u8 {
        match self {
            Self::ReturnPath => b'b',
            Self::Feedback => b'f',
            Self::Unsubscribe => b'u',
            Self::MessageId => b'm',
        }
    }
}

/// A secret and its number. Numbers let an old secret stay readable while a new one signs.
#[derive(Clone)]
pub struct TokenKey {
    /// Travels in each token.
    pub id: u8,
    /// Never travels.
    pub secret: [u8; 32],
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The letter that a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Which letter.
    pub id: LetterId,
    /// Where its rows live.
    pub shard: Shard,
}

/// Makes tokens with one key and reads those of all. Clones share their keys: a new secret reaches all of them at once.
#[derive(Clone)]
pub struct Tokens {
    keys: Arc<RwLock<Arc<Keys>>>,
}

struct Keys {
    signing: ReadyKey,
    others: Vec<ReadyKey>,
}

struct ReadyKey {
    id: u8,
    key: hmac::Key,
}

impl From<TokenKey> for ReadyKey {
    fn from(key: TokenKey) -> Self {
        Self {
            id: key.id,
            key: hmac::Key::new(hmac::HMAC_SHA256, &key.secret),
        }
    }
}

impl Tokens {
    /// Signs with `signing`; reads tokens of `others` too, as long as letters signed with them may come back.
    pub fn new(signing: TokenKey, others: Vec<TokenKey>) -> Self {
        let keys = Keys {
            signing: signing.into(),
            others: others.into_iter().map(ReadyKey::from).collect(),
        };
        Self {
            keys: Arc::new(RwLock::new(Arc::new(keys))),
        }
    }

    /// Puts the keys of another codec in the place of these, in every clone.
    pub fn replace(&self, next: &Self) {
        let next = next.keys();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// The number of the key that signs.
    pub fn signing(&self) -> u8 {
        self.keys().signing.id
    }

    /// The numbers of all keys, the one that signs first.
    pub fn numbers(&self) -> Vec<u8> {
        self.keys().all().map(|key| key.id).collect()
    }

    /// The token of a letter for one purpose.
    pub fn encode(&self, kind: Kind, named: Named) -> String {
        let mut octets = [0; TOKEN_OCTETS];
        let keys = self.keys();
        octets[0] = keys.signing.id;
        // A shard is one of 256 by design (DESIGN §5); the store and this codec agree on it.
        octets[1] = named.shard.0.to_le_bytes()[0];
        octets[2..NAMED_OCTETS].copy_from_slice(named.id.0.as_bytes());
        let mac = keys.signing.mac(kind, &octets[..NAMED_OCTETS]);
        octets[NAMED_OCTETS..].copy_from_slice(&mac.as_ref()[..MAC_OCTETS]);
        let mut text = BASE32_NOPAD_NOCASE.encode(&octets);
        text.make_ascii_lowercase();
        text
    }

    /// The letter that this token names for that purpose; `None` for anything but our own.
    pub fn decode(&self, kind: Kind, token: &str) -> Option<Named> {
        let octets = read_octets(token)?;
        let (named, claimed) = octets.split_at(NAMED_OCTETS);
        let keys = self.keys();
        let mut meant = keys.all().filter(|key| key.id == octets[0]);
        let genuine = meant.any(|key| key.proves(kind, named, claimed));
        genuine.then(|| read_named(named)).flatten()
    }

    /// The local part of an address of that kind, such as `b+<token>`.
    pub fn local_part(&self, kind: Kind, named: Named) -> String {
        let mut local = String::with_capacity(kind.prefix().len() + TOKEN_LETTERS);
        local.push_str(kind.prefix());
        local.push_str(&self.encode(kind, named));
        debug_assert!(local.len() <= 64);
        local
    }

    /// The letter behind a local part of that kind, whatever a mail server did to its case.
    pub fn decode_local(&self, kind: Kind, local: &str) -> Option<Named> {
        let prefix = kind.prefix();
        let head = local.get(..prefix.len())?;
        if head.eq_ignore_ascii_case(prefix) {
            self.decode(kind, &local[prefix.len()..])
        } else {
            None
        }
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Keys {
    fn all(&self) -> impl Iterator<Item = &ReadyKey> {
        std::iter::once(&self.signing).chain(&self.others)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("signing", &self.signing())
            .field("all", &self.numbers())
            .finish()
    }
}

impl ReadyKey {
    fn mac(&self, kind: Kind, named: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&[kind.octet()]);
        context.update(named);
        context.sign()
    }

    fn proves(&self, kind: Kind, named: &[u8], claimed: &[u8]) -> bool {
        let mac = self.mac(kind, named);
        constant_time::verify_slices_are_equal(&mac.as_ref()[..MAC_OCTETS], claimed).is_ok()
    }
}

fn read_octets(token: &str) -> Option<[u8; TOKEN_OCTETS]> {
    if token.len() != TOKEN_LETTERS {
        return None;
    }
    let mut octets = [0; TOKEN_OCTETS];
    let length = BASE32_NOPAD_NOCASE
        .decode_mut(token.as_bytes(), &mut octets)
        .ok()?;
    (length == TOKEN_OCTETS).then_some(octets)
}

fn read_named(named: &[u8]) -> Option<Named> {
    let (head, id) = named.split_at(2);
    Some(Named {
        id: LetterId(Uuid::from_slice(id).ok()?),
        shard: Shard(i16::from(head[1])),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(id: u8) -> TokenKey {
        TokenKey {
            id,
            secret: [id; 32],
        }
    }

    fn tokens() -> Tokens {
        Tokens::new(key(2), vec![key(1)])
    }

    fn named(id: u128, shard: i16) -> Named {
        Named {
            id: LetterId(Uuid::from_u128(id)),
            shard: Shard(shard),
        }
    }

    #[test]
    fn a_token_is_the_same_for_ever() {
        // Mail that left last month comes back with tokens of last month: this text may never change.
        let id = 0x0193_5a7c_1111_7222_8333_4444_5555_6666;
        insta::assert_snapshot!(
            tokens().local_part(Kind::ReturnPath, named(id, 200)),
            @"b+aleade22pqirc4rcqmzuircvkvtgmdsd66yqk44q7oq5mugk"
        );
    }

    #[test]
    fn a_new_key_reaches_every_clone() {
        let (one, other) = (Tokens::new(key(1), vec![]), tokens());
        let clone = one.clone();
        one.replace(&other);
        assert_eq!((clone.signing(), clone.numbers()), (2, vec![2, 1]));
        let token = one.encode(Kind::ReturnPath, named(7, 3));
        assert_eq!(clone.decode(Kind::ReturnPath, &token), Some(named(7, 3)));
    }

    #[test]
    fn a_rotated_key_still_reads_and_a_removed_key_does_not() {
        let old = Tokens::new(key(1), vec![]).encode(Kind::Unsubscribe, named(7, 3));
        assert_eq!(tokens().decode(Kind::Unsubscribe, &old), Some(named(7, 3)));
        assert_eq!(
            Tokens::new(key(2), vec![]).decode(Kind::Unsubscribe, &old),
            None
        );
    }

    #[test]
    fn a_foreign_secret_under_our_key_number_proves_nothing() {
        let stranger = Tokens::new(
            TokenKey {
                id: 2,
                secret: [9; 32],
            },
            vec![],
        );
        let forged = stranger.encode(Kind::ReturnPath, named(7, 3));
        assert_eq!(tokens().decode(Kind::ReturnPath, &forged), None);
    }

    #[test]
    fn secrets_stay_out_of_debug_output() {
        assert_eq!(format!("{:?}", key(9)), "TokenKey { id: 9, .. }");
        assert_eq!(
            format!("{:?}", tokens()),
            "Tokens { signing: 2, all: [2, 1] }"
        );
    }

    fn any_kind() -> impl Strategy<Value = Kind> {
        proptest::sample::select(Kind::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn decode_inverts_encode_in_any_case(id: u128, shard in 0i16..256, kind in any_kind()) {
            let local = tokens().local_part(kind, named(id, shard));
            prop_assert!(local.len() <= 64);
            prop_assert_eq!(tokens().decode_local(kind, &local), Some(named(id, shard)));
            prop_assert_eq!(tokens().decode_local(kind, &local.to_uppercase()), Some(named(id, shard)));
        }

        #[test]
        fn a_token_is_good_for_one_purpose(id: u128, made in any_kind(), used in any_kind()) {
            let token = tokens().encode(made, named(id, 1));
            prop_assert_eq!(tokens().decode(used, &token).is_some(), made == used);
        }

        #[test]
        fn one_wrong_letter_is_no_token(id: u128, at in 0..TOKEN_LETTERS, letter in "[a-z2-7]") {
            let token = tokens().encode(Kind::ReturnPath, named(id, 1));
            let mut changed = token.clone();
            changed.replace_range(at..=at, &letter);
            let found = tokens().decode(Kind::ReturnPath, &changed);
            prop_assert_eq!(found.is_some(), changed == token);
        }

        #[test]
        fn a_token_has_no_second_spelling(id: u128, spots in proptest::collection::vec((0..TOKEN_LETTERS, "[ -~]"), 1..4)) {
            let token = tokens().encode(Kind::Unsubscribe, named(id, 1));
            let mut changed = token.clone();
            for (at, letter) in spots {
                changed.replace_range(at..=at, &letter);
            }
            let found = tokens().decode(Kind::Unsubscribe, &changed);
            prop_assert_eq!(found.is_some(), changed.eq_ignore_ascii_case(&token));
            for longer in [format!("{token}a"), format!("{token}="), format!(" {token}"), token[1..].to_owned()] {
                prop_assert_eq!(tokens().decode(Kind::Unsubscribe, &longer), None);
            }
        }

        #[test]
        fn strangers_words_are_no_tokens(text in "\\PC{0,60}", kind in any_kind()) {
            prop_assert_eq!(tokens().decode(kind, &text), None);
            prop_assert_eq!(tokens().decode_local(kind, &text), None);
        }
    }
}
