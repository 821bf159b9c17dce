//! Mail addresses that a server could accept, and their one comparable form.
//!
//! Owns [`Address`] and [`Domain`]: private fields, `parse` is the only way in. Promises: parse∘print is the identity;
//! a domain is always in its ASCII (punycode) form; [`Address::key`] is the same for every spelling that reaches the
//! same mailbox by case or by script. Does not know quoted local parts: no marketplace reader has one.

use std::fmt;

use idna::{AsciiDenyList, uts46};

/// A host name in its ASCII form, lower case, without a final dot.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

/// One mailbox address, `local@domain`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    local: String,
    domain: Domain,
}

/// Where a recipient's rows live: the first byte of SHA-256 over the address key, computed by the store alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Shard(pub i16);

/// Why no server could accept an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFault {
    /// No `@`, or nothing before or after it.
    NotAnAddress,
    /// The local part is longer than 64 octets (RFC 5321 §4.5.3.1.1).
    LocalTooLong,
    /// The whole address is longer than 254 octets (RFC 5321 §4.5.3.1.3).
    TooLong,
    /// The local part holds a character that only quoting would allow, or misplaces a dot (RFC 5322 §3.2.3).
    BadLocal,
    /// The domain is not a host name with at least two labels (RFC 5321 §4.1.2, RFC 5890).
    BadDomain,
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnAddress => "is not of the form local@domain",
            Self::LocalTooLong => "has more than 64 octets before the @",
            Self::TooLong => "is longer than 254 octets",
            Self::BadLocal => {
                "has a character or a dot before the @ that no server accepts unquoted"
            }
            Self::BadDomain => "has a domain that is not a host name",
        })
    }
}

impl std::error::Error for AddressFault {}

impl Address {
    /// Reads `local@domain`; the domain may be in any script.
    pub fn parse(text: &str) -> Result<Self, AddressFault> {
        let (local, domain) = text.rsplit_once('@').ok_or(AddressFault::NotAnAddress)?;
        if local.is_empty() || domain.is_empty() {
            return Err(AddressFault::NotAnAddress);
        }
        if local.len() > 64 {
            return Err(AddressFault::LocalTooLong);
        }
        if !is_dot_atom(local) {
            return Err(AddressFault::BadLocal);
        }
        let domain = Domain::parse(domain)?;
        if local.len() + 1 + domain.0.len() > 254 {
            return Err(AddressFault::TooLong);
        }
        Ok(Self {
            local: local.to_owned(),
            domain,
        })
    }

    /// What stands before the `@`, as given.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain after the `@`.
    pub const fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The form in which addresses are compared, suppressed and sharded: all lower case.
    ///
    /// Receivers may tell cases apart (RFC 5321 §2.4); none that matters does.
    pub fn key(&self) -> String {
        format!("{}@{}", self.local.to_lowercase(), self.domain)
    }

    /// Whether the local part needs a receiver that offers SMTPUTF8 (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }
}

impl Domain {
    /// Reads a host name in any script; the result is in ASCII form.
    pub fn parse(text: &str) -> Result<Self, AddressFault> {
        let bare = text.strip_suffix('.').unwrap_or(text);
        let ascii = uts46::Uts46::new()
            .to_ascii(
                bare.as_bytes(),
                AsciiDenyList::STD3,
                uts46::Hyphens::CheckFirstLast,
                uts46::DnsLength::Verify,
            )
            .map_err(|_| AddressFault::BadDomain)?;
        let last = ascii.rsplit('.').next().unwrap_or_default();
        let is_name = ascii.contains('.') && !last.bytes().all(|b| b.is_ascii_digit());
        if is_name {
            Ok(Self(ascii.into_owned()))
        } else {
            Err(AddressFault::BadDomain)
        }
    }

    /// The ASCII form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this domain is `parent` or lies below it.
    pub fn is_within(&self, parent: &str) -> bool {
        self.0
            .strip_suffix(parent)
            .is_some_and(|head| head.is_empty() || head.ends_with('.') || parent.starts_with('.'))
    }
}

/// RFC 5322 dot-atom, with RFC 6531's UTF-8 letters; control characters and spaces of any script stay out.
fn is_dot_atom(local: &str) -> bool {
    !local.split('.').any(str::is_empty) && local.chars().all(|c| c == '.' || is_atext(c))
}

fn is_atext(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        c if c.is_ascii() => "!#$%&'*+-/=?^_`{|}~".contains(c),
        c => !c.is_control() && !c.is_whitespace(),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        let found = match Address::parse(text) {
            Ok(address) => address.to_string(),
            Err(fault) => format!("{fault:?}"),
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn addresses_that_servers_accept() {
        check("Anna.Smirnova@Mail.RU", "Anna.Smirnova@mail.ru");
        check("o'neil+tag@example.com", "o'neil+tag@example.com");
        check("user@домен.рф", "user@xn--d1acufc.xn--p1ai");
        check("почта@пример.рф", "почта@xn--e1afmkfd.xn--p1ai");
        check("a@example.com.", "a@example.com");
    }

    #[test]
    fn addresses_that_no_server_accepts() {
        check("", "NotAnAddress");
        check("@example.com", "NotAnAddress");
        check("a b@example.com", "BadLocal");
        check(".a@example.com", "BadLocal");
        check("a..b@example.com", "BadLocal");
        check("a\r\nRCPT TO:<x@y.z>@example.com", "BadLocal");
        check("a@localhost", "BadDomain");
        check("a@[192.0.2.1]", "BadDomain");
        check("a@192.0.2.1", "BadDomain");
        check("a@exa mple.com", "BadDomain");
        check("a@-bad.com", "BadDomain");
        check(&format!("{}@example.com", "x".repeat(65)), "LocalTooLong");
        check(&format!("a@{}.com", "x.".repeat(130)), "BadDomain");
    }

    #[test]
    fn one_mailbox_has_one_key() {
        let written = Address::parse("ANNA@ДОМЕН.рф").unwrap();
        let punycode = Address::parse("anna@xn--d1acufc.xn--p1ai").unwrap();
        assert_eq!(written.key(), punycode.key());
    }

    #[test]
    fn a_domain_knows_its_parents() {
        let domain = Domain::parse("bounce.mail.example.com").unwrap();
        assert!(domain.is_within("mail.example.com"));
        assert!(domain.is_within("bounce.mail.example.com"));
        assert!(!domain.is_within("ail.example.com"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(text in "\\PC{0,80}") {
            let _ = Address::parse(&text);
        }

        #[test]
        fn parse_inverts_print(text in "[a-zA-Z0-9+_]{1,20}(\\.[a-z0-9]{1,5})?@[a-z]{1,10}\\.[a-z]{2,6}") {
            let address = Address::parse(&text).unwrap();
            prop_assert_eq!(Address::parse(&address.to_string()), Ok(address));
        }

        #[test]
        fn the_key_is_its_own_key(text in "[a-zA-Zа-яА-Я0-9]{1,10}@[a-zа-я]{1,10}\\.(com|ru|рф)") {
            if let Ok(address) = Address::parse(&text) {
                let key = Address::parse(&address.key()).unwrap();
                prop_assert_eq!(key.key(), address.key());
            }
        }
    }
}
