//! What a receiver said: one SMTP reply, and where in the talk it was said.

use std::fmt;

/// The step of the SMTP talk that a reply answers (RFC 5321 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Opening the TCP connection; no reply exists yet.
    Connect,
    /// The 220 greeting.
    Banner,
    /// `EHLO` or `HELO`.
    Ehlo,
    /// `STARTTLS` and the TLS handshake.
    StartTls,
    /// `AUTH`, only towards a smarthost.
    Auth,
    /// `MAIL FROM`.
    MailFrom,
    /// `RCPT TO`.
    RcptTo,
    /// `DATA`, before the letter itself.
    Data,
    /// The letter's final dot: from here on the receiver may have it.
    FinalDot,
    /// `RSET` or `QUIT`; says nothing about a letter.
    Leave,
}

impl Stage {
    /// Every stage, in the order of the talk.
    pub const ALL: [Self; 10] = [
        Self::Connect,
        Self::Banner,
        Self::Ehlo,
        Self::StartTls,
        Self::Auth,
        Self::MailFrom,
        Self::RcptTo,
        Self::Data,
        Self::FinalDot,
        Self::Leave,
    ];

    /// The stage of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// The word used in SQL, JSON and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Banner => "banner",
            Self::Ehlo => "ehlo",
            Self::StartTls => "starttls",
            Self::Auth => "auth",
            Self::MailFrom => "mail_from",
            Self::RcptTo => "rcpt_to",
            Self::Data => "data",
            Self::FinalDot => "final_dot",
            Self::Leave => "leave",
        }
    }
}

/// An enhanced status code, `class.subject.detail` (RFC 3463).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnhancedCode {
    /// 2 success, 4 transient, 5 permanent.
    pub class: u8,
    /// What the status is about: 1 address, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// The detail inside the subject.
    pub detail: u16,
}

impl EnhancedCode {
    /// Reads a code at the start of a reply text; `None` unless it is one whole `d.d.d` word of class 2, 4 or 5.
    pub fn parse_prefix(text: &str) -> Option<Self> {
        let bytes = text.trim_start().as_bytes();
        let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let end = bytes.iter().position(ends).unwrap_or(bytes.len());
        let [class @ (b'2' | b'4' | b'5'), b'.', rest @ ..] = &bytes[..end] else {
            return None;
        };
        let dot = rest.iter().position(|byte| *byte == b'.')?;
        Some(Self {
            class: class - b'0',
            subject: small(&rest[..dot])?,
            detail: small(&rest[dot + 1..])?,
        })
    }
}

/// A number of one to three digits, nothing else.
fn small(digits: &[u8]) -> Option<u16> {
    let sane = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let add = |sum, digit: &u8| sum * 10 + u16::from(digit - b'0');
    sane.then(|| digits.iter().fold(0, add))
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// One SMTP reply, complete, its lines joined by `\n`, without the code that each line repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What was being asked.
    pub stage: Stage,
    /// The basic code, 200 to 599.
    pub code: u16,
    /// The enhanced code, when the text starts with one.
    pub enhanced: Option<EnhancedCode>,
    /// The text as sent (bytes that are not UTF-8 replaced), the enhanced code included.
    pub text: String,
}

impl Reply {
    /// A reply whose enhanced code is read off its text.
    pub fn new(stage: Stage, code: u16, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            stage,
            code,
            enhanced: EnhancedCode::parse_prefix(&text),
            text,
        }
    }

    /// 2xx: done as asked.
    pub const fn is_positive(&self) -> bool {
        self.code >= 200 && self.code < 300
    }

    /// 5xx: the receiver will say the same again (RFC 5321 §4.2.1).
    pub const fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// Whether the host says it is closing the connection (RFC 5321 §3.8): other letters need another one.
    pub const fn is_closing(&self) -> bool {
        self.code == 421
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text.replace('\n', " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let found = EnhancedCode::parse_prefix(text).map(|code| code.to_string());
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn an_enhanced_code_is_read_only_where_it_is_one() {
        check("5.1.1 No such user", Some("5.1.1"));
        check("4.7.650 rate limited", Some("4.7.650"));
        check("5.7.1", Some("5.7.1"));
        check("10.0.0.1 is listed", None);
        check("5.1.1.2 odd", None);
        check("3.1.1 no such class", None);
        check("Message was not accepted", None);
        check("", None);
    }
}
