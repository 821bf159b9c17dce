//! What a receiver offers in its EHLO answer.
//!
//! Owns [`Capabilities`]. Promises: an odd line costs only itself; a host that knows only HELO offers nothing. The
//! grammar is `smtp-proto`'s, asked line by line. Read `commands` for what we make of it.

use smtp_proto::{
    AUTH_LOGIN, AUTH_PLAIN, EXT_8BIT_MIME, EXT_CHUNKING, EXT_ENHANCED_STATUS_CODES, EXT_PIPELINING,
    EXT_SIZE, EXT_SMTP_UTF8, EXT_START_TLS, EhloResponse,
};

/// Every receiver has to take messages of 64K octets (RFC 5321 §4.5.3.1.7), so a smaller limit is a slip as well.
const SIZE_LEAST: usize = 64_000;

/// The extensions that matter to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    extensions: u32,
    logins: u64,
    size_max: Option<usize>,
}

impl Capabilities {
    /// Reads the text of an EHLO reply; its first line is the host's greeting.
    pub fn parse(text: &str) -> Self {
        text.lines().skip(1).fold(Self::default(), |known, line| {
            let answer = format!("250-host\r\n250 {line}\r\n");
            match EhloResponse::parse(&mut answer.as_bytes().iter()) {
                Ok(offer) => known.with(&offer, size_max(line)),
                Err(_) => known,
            }
        })
    }

    fn with(self, offer: &EhloResponse<String>, size_max: Option<usize>) -> Self {
        Self {
            extensions: self.extensions | offer.capabilities,
            logins: self.logins | offer.auth_mechanisms,
            size_max: self.size_max.or(size_max),
        }
    }

    const fn offers(self, extension: u32) -> bool {
        self.extensions & extension != 0
    }

    /// PIPELINING (RFC 2920).
    pub const fn pipelining(self) -> bool {
        self.offers(EXT_PIPELINING)
    }

    /// SIZE, with or without a limit (RFC 1870).
    pub const fn size(self) -> bool {
        self.offers(EXT_SIZE)
    }

    /// The largest message in octets, where the host names a limit.
    pub const fn size_max(self) -> Option<usize> {
        self.size_max
    }

    /// 8BITMIME (RFC 6152).
    pub const fn eight_bit(self) -> bool {
        self.offers(EXT_8BIT_MIME)
    }

    /// SMTPUTF8 (RFC 6531).
    pub const fn smtputf8(self) -> bool {
        self.offers(EXT_SMTP_UTF8)
    }

    /// STARTTLS (RFC 3207).
    pub const fn start_tls(self) -> bool {
        self.offers(EXT_START_TLS)
    }

    /// CHUNKING (RFC 3030).
    pub const fn chunking(self) -> bool {
        self.offers(EXT_CHUNKING)
    }

    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub const fn enhanced_codes(self) -> bool {
        self.offers(EXT_ENHANCED_STATUS_CODES)
    }

    /// AUTH PLAIN (RFC 4616).
    pub const fn auth_plain(self) -> bool {
        self.logins & AUTH_PLAIN != 0
    }

    /// AUTH LOGIN.
    pub const fn auth_login(self) -> bool {
        self.logins & AUTH_LOGIN != 0
    }
}

/// The limit that a line sets. "SIZE" alone and "SIZE 0" set none (RFC 1870 §4); neither does what is no number, or too long
/// to be one: a letter must not bounce for a slip of the host.
fn size_max(line: &str) -> Option<usize> {
    let mut words = line.split_ascii_whitespace();
    let is_size = words.next()?.eq_ignore_ascii_case("SIZE");
    let limit = words.next()?.parse().ok()?;
    (is_size && limit >= SIZE_LEAST).then_some(limit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        let offer = Capabilities::parse(text);
        let words = [
            (offer.pipelining(), "pipelining"),
            (offer.size(), "size"),
            (offer.eight_bit(), "8bit"),
            (offer.smtputf8(), "utf8"),
            (offer.start_tls(), "tls"),
            (offer.chunking(), "chunking"),
            (offer.enhanced_codes(), "codes"),
            (offer.auth_plain(), "plain"),
            (offer.auth_login(), "login"),
        ];
        let mut found: Vec<String> = words
            .iter()
            .filter(|(offered, _)| *offered)
            .map(|(_, word)| (*word).to_owned())
            .collect();
        found.extend(offer.size_max().map(|limit| limit.to_string()));
        assert_eq!(found.join(" "), expected, "{text:?}");
    }

    #[test]
    fn ehlo_answers_as_receivers_write_them() {
        check(
            "mx.example.com at your service\nSIZE 157286400\n8BITMIME\nSTARTTLS\nENHANCEDSTATUSCODES\nPIPELINING\nCHUNKING\nSMTPUTF8",
            "pipelining size 8bit utf8 tls chunking codes 157286400",
        );
        check(
            "mx\nAUTH LOGIN PLAIN XOAUTH2\npipelining",
            "pipelining plain login",
        );
        check("mx", "");
        check("PIPELINING", "");
        check("", "");
    }

    #[test]
    fn an_odd_line_costs_only_itself() {
        check(
            "mx\nSIZE lots\n\n  \nX-WHATEVER 1 2 3\nPIPELINING",
            "pipelining size",
        );
        check("mx\nSIZE\nPIPELINING", "pipelining size");
        check("mx\nSIZE 0\nPIPELINING", "pipelining size");
        check("mx\nSIZE -5", "size");
    }

    #[test]
    fn a_limit_that_no_host_can_mean_bounces_no_letter() {
        check("mx\nSIZE 99999999999999999999999", "size");
        check("mx\nSIZE 1", "size");
        check("mx\nSIZE 64000", "size 64000");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}(\n\\PC{0,60}){0,5}") {
            let _ = Capabilities::parse(&text);
        }
    }
}
