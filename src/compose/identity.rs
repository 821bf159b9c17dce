//! Under which names we write: domains, the unsubscribe address, and the tokens that come back.
//!
//! Owns [`Identity`]: private fields, [`Identity::new`] is the only way in. Promises: what it holds can stand in a
//! header as it is. Leaves the codec to `token`, and the choice of headers to `headers`.

use std::fmt::{self, Write as _};

use super::Style;
use crate::{
    mail::{Domain, Letter},
    token::{Kind, Named, Tokens},
};

/// The domains an operator sets up, as configuration names them.
#[derive(Clone, Debug)]
pub struct Domains {
    /// MAIL FROM: a subdomain of the From domain, so that SPF aligns (`bounce.example.com`).
    pub return_path: Domain,
    /// Right side of the Message-ID (`mail.example.com`).
    pub message_id: Domain,
    /// Start of the one-click address, to which the token is appended (`https://u.example.com/o/`).
    pub unsubscribe_url: String,
    /// Where unsubscribe letters go (`unsub.example.com`).
    pub unsubscribe_mail: Domain,
    /// Where complaints go (`fbl.example.com`).
    pub feedback: Domain,
}

/// Under which names we write.
#[derive(Clone, Debug)]
pub struct Identity {
    domains: Domains,
    sender_id: String,
    tokens: Tokens,
}

/// Why an identity cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityFault {
    /// RFC 8058 §3.1 asks for https; and the address must fit in a header line.
    BadUnsubscribeUrl,
    /// Gmail counts only sender ids of 5 to 15 characters.
    BadSenderId,
}

impl fmt::Display for IdentityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadUnsubscribeUrl => {
                "the unsubscribe URL must start with https:// and hold at most 200 visible ASCII characters without <>,"
            }
            Self::BadSenderId => "the sender id must be 5 to 15 letters, digits, '-' or '_'",
        })
    }
}

impl std::error::Error for IdentityFault {}

/// What one letter is called in its envelope and headers.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) return_path: String,
    pub(super) message_id: String,
    pub(super) unsubscribe: Option<Unsubscribe>,
    pub(super) feedback: Option<Feedback>,
}

#[derive(Clone, Debug)]
pub(super) struct Unsubscribe {
    pub(super) url: String,
    pub(super) mailto: String,
}

#[derive(Clone, Debug)]
pub(super) struct Feedback {
    pub(super) address: String,
    pub(super) id: String,
}

impl Identity {
    /// Checks what an operator configured.
    pub fn new(
        domains: Domains,
        sender_id: impl Into<String>,
        tokens: Tokens,
    ) -> Result<Self, IdentityFault> {
        let sender_id = sender_id.into();
        if !is_url_prefix(&domains.unsubscribe_url) {
            return Err(IdentityFault::BadUnsubscribeUrl);
        }
        if !is_sender_id(&sender_id) {
            return Err(IdentityFault::BadSenderId);
        }
        Ok(Self {
            domains,
            sender_id,
            tokens,
        })
    }

    /// The last field of Feedback-ID.
    pub fn sender_id(&self) -> &str {
        &self.sender_id
    }

    /// The codec of this identity's tokens.
    pub const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The MAIL FROM of a letter, which brings its bounces home.
    pub fn return_path(&self, letter: &Letter) -> String {
        self.address(Kind::ReturnPath, named(letter), &self.domains.return_path)
    }

    /// The one-click address of a letter.
    pub fn unsubscribe_url(&self, letter: &Letter) -> String {
        let token = self.tokens.encode(Kind::Unsubscribe, named(letter));
        format!("{}{token}", self.domains.unsubscribe_url)
    }

    pub(super) fn names(&self, letter: &Letter, style: &Style) -> Names {
        Names {
            return_path: self.return_path(letter),
            message_id: self.address(Kind::MessageId, named(letter), &self.domains.message_id),
            unsubscribe: style.unsubscribe.then(|| self.unsubscribe(letter)),
            feedback: (style.cfbl && self.feedback_aligns(letter)).then(|| self.feedback(letter)),
        }
    }

    fn unsubscribe(&self, letter: &Letter) -> Unsubscribe {
        let url = self.unsubscribe_url(letter);
        let token = &url[self.domains.unsubscribe_url.len()..];
        let mailto = format!(
            "{}{token}@{}",
            Kind::Unsubscribe.prefix(),
            self.domains.unsubscribe_mail
        );
        Unsubscribe { url, mailto }
    }

    fn feedback(&self, letter: &Letter) -> Feedback {
        let id = self.tokens.encode(Kind::Feedback, named(letter));
        let address = format!("{}{id}@{}", Kind::Feedback.prefix(), self.domains.feedback);
        Feedback { address, id }
    }

    /// RFC 9477 §3.1.2: the feedback domain is the From domain, or one of the two lies within the other. A foreign one
    /// would need its own signature, so the header is left out then.
    fn feedback_aligns(&self, letter: &Letter) -> bool {
        let author = letter.from.address.domain();
        let feedback = &self.domains.feedback;
        feedback.is_within(author.as_str()) || author.is_within(feedback.as_str())
    }

    fn address(&self, kind: Kind, named: Named, domain: &Domain) -> String {
        let mut address = self.tokens.local_part(kind, named);
        // Writing into a String cannot fail.
        let _ = write!(address, "@{domain}");
        address
    }
}

fn named(letter: &Letter) -> Named {
    Named {
        id: letter.id,
        shard: letter.shard,
    }
}

fn is_url_prefix(url: &str) -> bool {
    let visible = url
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"<>,\"".contains(&b));
    url.starts_with("https://") && url.len() > "https://".len() && url.len() <= 200 && visible
}

fn is_sender_id(id: &str) -> bool {
    (5..=15).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
