//! A letter becomes the bytes of a message.
//!
//! Owns header set, MIME structure and templates' rendering. Promises: the same letter at the same moment gives the same
//! bytes; valid RFC 5322 with CRLF only, no line beyond 998 octets, nothing but ASCII unless an address needs SMTPUTF8;
//! no value of a caller can make a header. Leaves signing to `dkim`, reading the templates' folder to `templates`,
//! sending to the engine. Read [`compose`] first, then `headers` and `body`; `raw` is for ready messages.

mod blame;
mod body;
mod entity;
mod facts;
mod field;
mod head;
mod headers;
mod identity;
pub mod lint;
mod raw;
mod style;
mod template;
mod text;

#[cfg(test)]
mod laws;

pub use identity::{Domains, Identity, IdentityFault};
pub use style::{BadListName, List, Style};
pub use template::{TemplateFault, TemplateFile, TemplateSet};

use self::{body::Texts, identity::Names};
use crate::mail::{Content, Domain, Letter, Part, Timestamp, Unsendable};

/// Room for the header fields of one letter.
const HEADERS_OCTETS: usize = 2_048;

/// A whole message, not yet signed. Only `dkim::sign` makes something sendable of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    message: Vec<u8>,
    return_path: String,
    author: Domain,
    needs_smtputf8: bool,
}

/// Writes a letter as it leaves at `now`, or says what is wrong with it.
pub fn compose(
    letter: &Letter,
    style: &Style,
    identity: &Identity,
    templates: &TemplateSet,
    now: Timestamp,
) -> Result<Composed, Unsendable> {
    let names = identity.names(letter, style);
    let desk = Desk {
        letter,
        style,
        identity,
        names: &names,
        now,
    };
    let message = match &letter.content {
        Content::Template {
            name,
            variables,
            parts,
        } => {
            let facts = facts::Facts::new(letter, names.unsubscribe.as_ref());
            desk.write(&templates.render(name, variables, &facts)?, parts)?
        }
        Content::Texts {
            subject,
            text,
            html,
            parts,
        } => desk.write(
            &Texts::ready(subject, text.as_deref(), html.as_deref()),
            parts,
        )?,
        Content::Raw(bytes) => desk.adopt(bytes)?,
    };
    Ok(Composed {
        message,
        needs_smtputf8: needs_smtputf8(letter),
        author: letter.from.address.domain().clone(),
        return_path: names.return_path,
    })
}

/// What is needed to write one letter.
struct Desk<'a> {
    letter: &'a Letter,
    style: &'a Style,
    identity: &'a Identity,
    names: &'a Names,
    now: Timestamp,
}

impl Desk<'_> {
    fn write(&self, texts: &Texts<'_>, parts: &[Part]) -> Result<Vec<u8>, Unsendable> {
        texts.check()?;
        let mut out = Vec::with_capacity(HEADERS_OCTETS + body::estimated_octets(texts, parts));
        self.headers(&mut out, &texts.subject);
        body::write(&mut out, self.letter.id, texts, parts)?;
        Ok(out)
    }

    fn adopt(&self, bytes: &[u8]) -> Result<Vec<u8>, Unsendable> {
        let raw = raw::Raw::read(bytes)?;
        let mut out = Vec::with_capacity(HEADERS_OCTETS + bytes.len());
        self.headers(&mut out, &raw.subject);
        raw.write_rest(&mut out);
        Ok(out)
    }

    fn headers(&self, out: &mut Vec<u8>, subject: &str) {
        headers::write(
            out,
            self.letter,
            subject,
            self.style,
            self.identity,
            self.names,
            self.now,
        );
        field::exact(out, "MIME-Version", &["1.0"]);
    }
}

/// RFC 6531: only non-ASCII local parts need the extension; our own names and bodies are ASCII on the wire.
fn needs_smtputf8(letter: &Letter) -> bool {
    let shown = [
        Some(&letter.from),
        Some(&letter.to.mailbox),
        letter.reply_to.as_ref(),
    ];
    shown
        .into_iter()
        .flatten()
        .any(|mailbox| mailbox.address.needs_smtputf8())
}

impl Composed {
    /// The message.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// MAIL FROM.
    pub fn return_path(&self) -> &str {
        &self.return_path
    }

    /// The domain in From, which signs.
    pub const fn author(&self) -> &Domain {
        &self.author
    }

    /// Whether the receiver must offer SMTPUTF8.
    pub const fn needs_smtputf8(&self) -> bool {
        self.needs_smtputf8
    }
}
