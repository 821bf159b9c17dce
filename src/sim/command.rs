//! SMTP commands as a receiver reads them (RFC 5321 §4.1).
//!
//! Owns the grammar of one line. Promises: total on any text; an address is only cut out of its angle brackets, its
//! sense is the provider's matter. Leaves order of commands to `session`.

/// One command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'line> {
    /// `EHLO`.
    Ehlo,
    /// `HELO`.
    Helo,
    /// `MAIL FROM`.
    Mail(Mail<'line>),
    /// `RCPT TO`.
    Rcpt(&'line str),
    /// `DATA`.
    Data,
    /// `BDAT` (RFC 3030).
    Bdat {
        /// Octets that follow.
        size_bytes: usize,
        /// Whether the letter ends with them.
        is_last: bool,
    },
    /// `RSET`.
    Rset,
    /// `NOOP`.
    Noop,
    /// `VRFY`.
    Vrfy,
    /// `STARTTLS`.
    StartTls,
    /// `QUIT`.
    Quit,
    /// A known verb with arguments that make no sense.
    Malformed,
    /// Anything else.
    Unknown,
}

/// The arguments of `MAIL FROM`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mail<'line> {
    /// The return path, empty for bounces.
    pub(super) path: &'line str,
    /// The announced size (RFC 1870).
    pub(super) size_bytes: Option<u64>,
    /// Whether addresses may be in UTF-8 (RFC 6531).
    pub(super) utf8: bool,
}

impl<'line> Command<'line> {
    /// Reads a line.
    pub(super) fn parse(line: &'line str) -> Self {
        let line = line.trim_end();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (verb.to_ascii_uppercase().as_str(), rest.is_empty()) {
            ("EHLO", false) => Self::Ehlo,
            ("HELO", false) => Self::Helo,
            ("MAIL", false) => parse_mail(rest).map_or(Self::Malformed, Self::Mail),
            ("RCPT", false) => {
                path_after(rest, "TO:").map_or(Self::Malformed, |to| Self::Rcpt(to.0))
            }
            ("DATA", true) => Self::Data,
            ("BDAT", false) => parse_chunk(rest).unwrap_or(Self::Malformed),
            ("RSET", true) => Self::Rset,
            ("NOOP", _) => Self::Noop,
            ("VRFY", false) => Self::Vrfy,
            ("STARTTLS", true) => Self::StartTls,
            ("QUIT", true) => Self::Quit,
            (
                "EHLO" | "HELO" | "MAIL" | "RCPT" | "DATA" | "BDAT" | "RSET" | "VRFY" | "STARTTLS"
                | "QUIT",
                _,
            ) => Self::Malformed,
            _ => Self::Unknown,
        }
    }
}

fn parse_chunk(rest: &str) -> Option<Command<'static>> {
    let (size, last) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_last = last.eq_ignore_ascii_case("LAST");
    let size_bytes = size.parse().ok()?;
    (is_last || last.is_empty()).then_some(Command::Bdat {
        size_bytes,
        is_last,
    })
}

fn parse_mail(rest: &str) -> Option<Mail<'_>> {
    let (path, parameters) = path_after(rest, "FROM:")?;
    let mut mail = Mail {
        path,
        size_bytes: None,
        utf8: false,
    };
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name.to_ascii_uppercase().as_str() {
            "SIZE" => mail.size_bytes = Some(value.parse().ok()?),
            "SMTPUTF8" => mail.utf8 = true,
            "BODY" => {}
            _ => return None,
        }
    }
    Some(mail)
}

/// The path in angle brackets after a prefix in any case, and what follows it.
fn path_after<'line>(rest: &'line str, prefix: &str) -> Option<(&'line str, &'line str)> {
    let head = rest.get(..prefix.len())?;
    if !head.eq_ignore_ascii_case(prefix) {
        return None;
    }
    let path = rest[prefix.len()..].trim_start().strip_prefix('<')?;
    path.split_once('>')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, expected: &Command<'_>) {
        assert_eq!(Command::parse(line), *expected, "{line}");
    }

    const fn mail(path: &str, size_bytes: Option<u64>, utf8: bool) -> Command<'_> {
        Command::Mail(Mail {
            path,
            size_bytes,
            utf8,
        })
    }

    #[test]
    fn commands_are_read_in_any_case_with_their_parameters() {
        check("ehlo out.example.com", &Command::Ehlo);
        check(
            "MAIL FROM:<a@example.com>",
            &mail("a@example.com", None, false),
        );
        check(
            "mail from:<a@example.com> SIZE=100 BODY=8BITMIME SMTPUTF8",
            &mail("a@example.com", Some(100), true),
        );
        check("MAIL FROM:<>", &mail("", None, false));
        check("RCPT TO:<b@mail.ru>", &Command::Rcpt("b@mail.ru"));
        check("QUIT ", &Command::Quit);
        let chunk = |size_bytes, is_last| Command::Bdat {
            size_bytes,
            is_last,
        };
        check("BDAT 86", &chunk(86, false));
        check("bdat 0 last", &chunk(0, true));
    }

    #[test]
    fn nonsense_is_malformed_or_unknown() {
        check("EHLO", &Command::Malformed);
        check("MAIL FROM:a@example.com", &Command::Malformed);
        check("MAIL FROM:<a> SIZE=many", &Command::Malformed);
        check("RCPT TO:<b@mail.ru", &Command::Malformed);
        check("DATA now", &Command::Malformed);
        check("BDAT -1 LAST", &Command::Malformed);
        check("BDAT 5 FIRST", &Command::Malformed);
        check("", &Command::Unknown);
        check("GET / HTTP/1.1", &Command::Unknown);
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd_to_read(line in ".{0,60}") {
            let _ = Command::parse(&line);
            let _ = Command::parse(&format!("MAIL {line}"));
            let _ = Command::parse(&format!("MAIL FROM:{line}"));
        }
    }
}
