//! SMTP commands as a guest gives them.
//!
//! Owns the way from a line to what we can do about it, on `smtp-proto`'s grammar. Promises: total on any bytes; what we do
//! not offer is refused and never half understood. Leaves the order of commands to `session`.

use smtp_proto::{Error, MAIL_BODY_BINARYMIME, MAIL_REQUIRETLS, MAIL_SMTPUTF8, Request};

const TO_POSTMASTER: &[u8] = b"RCPT TO:<Postmaster>";

/// What a guest asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// `EHLO`.
    Ehlo,
    /// `HELO`.
    Helo,
    /// `LHLO` (RFC 2033).
    Lhlo,
    /// `MAIL FROM`.
    Mail(Sender),
    /// `RCPT TO`, the address without brackets.
    Rcpt(String),
    /// `DATA`.
    Data,
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
    /// None of these; the reply says why.
    Wrong(&'static str),
}

/// The arguments of `MAIL FROM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    /// The return path; empty for reports (RFC 5321 §4.5.5).
    pub(super) path: String,
    /// The announced size (RFC 1870); 0 where none is.
    pub(super) size: usize,
    /// Whether addresses may be in UTF-8 (RFC 6531).
    pub(super) utf8: bool,
}

impl Command {
    /// Reads one line, its line end included.
    pub(super) fn parse(line: &[u8]) -> Self {
        // RFC 5321 §4.5.1: the one address without a domain, which the grammar of the library does not know.
        if line.trim_ascii().eq_ignore_ascii_case(TO_POSTMASTER) {
            return Self::Rcpt("postmaster".to_owned());
        }
        match Request::parse(&mut line.iter()) {
            Ok(request) => known(request.into_owned()),
            Err(fault) => Self::Wrong(wrong(&fault)),
        }
    }
}

fn known(request: Request<String>) -> Command {
    match request {
        Request::Ehlo { .. } => Command::Ehlo,
        Request::Helo { .. } => Command::Helo,
        Request::Lhlo { .. } => Command::Lhlo,
        Request::Mail { from } if from.flags & (MAIL_BODY_BINARYMIME | MAIL_REQUIRETLS) != 0 => {
            Command::Wrong("555 5.5.4 That parameter is not offered")
        }
        Request::Mail { from } => Command::Mail(Sender {
            utf8: from.flags & MAIL_SMTPUTF8 != 0,
            size: from.size,
            path: from.address,
        }),
        Request::Rcpt { to } => Command::Rcpt(to.address),
        Request::Data => Command::Data,
        Request::Rset => Command::Rset,
        Request::Noop { .. } => Command::Noop,
        Request::Vrfy { .. } => Command::Vrfy,
        Request::StartTls => Command::StartTls,
        Request::Quit => Command::Quit,
        Request::Bdat { .. }
        | Request::Auth { .. }
        | Request::Expn { .. }
        | Request::Help { .. }
        | Request::Etrn { .. }
        | Request::Atrn { .. }
        | Request::Burl { .. } => Command::Wrong("502 5.5.1 Command not implemented"),
    }
}

const fn wrong(fault: &Error) -> &'static str {
    match fault {
        Error::UnknownCommand | Error::NeedsMoreData { .. } => "500 5.5.1 Command not recognised",
        Error::InvalidSenderAddress => "501 5.1.7 Bad sender address syntax",
        Error::InvalidRecipientAddress => "501 5.1.3 Bad recipient address syntax",
        Error::UnsupportedParameter { .. } => "555 5.5.4 That parameter is not offered",
        Error::SyntaxError { .. } | Error::InvalidParameter { .. } => {
            "501 5.5.4 Syntax error in arguments"
        }
        Error::ResponseTooLong | Error::InvalidResponse { .. } => "500 5.5.2 Line too long",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, expected: &Command) {
        let whole = format!("{line}\r\n");
        assert_eq!(Command::parse(whole.as_bytes()), *expected, "{line}");
    }

    fn mail(path: &str, size: usize, utf8: bool) -> Command {
        Command::Mail(Sender {
            path: path.to_owned(),
            size,
            utf8,
        })
    }

    fn rcpt(path: &str) -> Command {
        Command::Rcpt(path.to_owned())
    }

    #[test]
    fn commands_are_read_in_any_case_with_their_parameters() {
        check("ehlo out.example.com", &Command::Ehlo);
        check("LHLO out.example.com", &Command::Lhlo);
        check("EHLO [192.0.2.1]", &Command::Ehlo);
        check("MAIL FROM:<>", &mail("", 0, false));
        check("mail from:<> size=100 BODY=8BITMIME", &mail("", 100, false));
        check(
            "MAIL FROM:<анна@example.com> SMTPUTF8 RET=HDRS",
            &mail("анна@example.com", 0, true),
        );
        check("RCPT TO:<b+x@example.com>", &rcpt("b+x@example.com"));
        check("RCPT TO:<Postmaster>", &rcpt("postmaster"));
        check("NOOP", &Command::Noop);
        check("NOOP anything", &Command::Noop);
        check("VRFY anna", &Command::Vrfy);
        check("STARTTLS", &Command::StartTls);
        check("quit", &Command::Quit);
    }

    #[test]
    fn what_is_not_offered_is_refused() {
        check(
            "BDAT 10 LAST",
            &Command::Wrong("502 5.5.1 Command not implemented"),
        );
        check(
            "AUTH PLAIN AGE=",
            &Command::Wrong("502 5.5.1 Command not implemented"),
        );
        check(
            "MAIL FROM:<a@example.com> BODY=BINARYMIME",
            &Command::Wrong("555 5.5.4 That parameter is not offered"),
        );
        check(
            "MAIL FROM:<a@example.com> COLOUR=RED",
            &Command::Wrong("555 5.5.4 That parameter is not offered"),
        );
        check(
            "GET / HTTP/1.1",
            &Command::Wrong("500 5.5.1 Command not recognised"),
        );
        check("", &Command::Wrong("500 5.5.1 Command not recognised"));
        check(
            "RCPT TO:b@mail.ru",
            &Command::Wrong("501 5.5.4 Syntax error in arguments"),
        );
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd_to_read(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Command::parse(&line);
            for start in ["MAIL FROM:<", "RCPT TO:<", "EHLO "] {
                let _ = Command::parse(&[start.as_bytes(), &line, b"\r\n"].concat());
            }
        }
    }
}
