//! The commands that open a letter's envelope.
//!
//! Owns [`Envelope`] and which parameters go with it. Promises: a letter that the host has already said it cannot take is
//! refused before a single octet of it is sent. Leaves sending to `letter`.

use std::io::Write as _;

use super::{Capabilities, form::Form};
use crate::mail::{Address, Reply, Stage};

/// Where a letter comes from and goes to, as SMTP says it.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The return path, where bounces come home.
    pub return_path: &'a Address,
    /// The reader's address.
    pub recipient: &'a Address,
}

impl Envelope<'_> {
    /// Whether only a host with SMTPUTF8 can take this letter (RFC 6531 §3.1).
    fn needs_smtputf8(self, form: Form) -> bool {
        form.has_utf8_header || self.return_path.needs_smtputf8() || self.recipient.needs_smtputf8()
    }

    /// Why the host cannot take this letter, in the words of a reply that it would have given.
    pub(crate) fn refusal(
        self,
        form: Form,
        size_bytes: usize,
        offered: Capabilities,
    ) -> Option<Reply> {
        if self.needs_smtputf8(form) && !offered.smtputf8() {
            let text = "5.6.7 not sent: the letter needs SMTPUTF8, which the host does not offer";
            return Some(Reply::new(Stage::MailFrom, 553, text));
        }
        let limit = offered.size_max().filter(|limit| size_bytes > *limit)?;
        let text =
            format!("5.3.4 not sent: the letter has {size_bytes} octets, the host takes {limit}");
        Some(Reply::new(Stage::MailFrom, 552, text))
    }

    /// Writes MAIL FROM with what was offered and is needed.
    pub(crate) fn mail_from(
        self,
        form: Form,
        size_bytes: usize,
        offered: Capabilities,
        into: &mut Vec<u8>,
    ) {
        put(into, format_args!("MAIL FROM:<{}>", self.return_path));
        if offered.size() {
            put(into, format_args!(" SIZE={size_bytes}"));
        }
        // Without 8BITMIME we send eight bits all the same, as everybody does: converting would break the signature.
        if form.is_eight_bit && offered.eight_bit() {
            put(into, format_args!(" BODY=8BITMIME"));
        }
        if self.needs_smtputf8(form) {
            put(into, format_args!(" SMTPUTF8"));
        }
        into.extend_from_slice(b"\r\n");
    }

    /// Writes RCPT TO.
    pub(crate) fn rcpt_to(self, into: &mut Vec<u8>) {
        put(into, format_args!("RCPT TO:<{}>\r\n", self.recipient));
    }
}

fn put(into: &mut Vec<u8>, words: std::fmt::Arguments<'_>) {
    into.write_fmt(words)
        .expect("writing into memory does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The MAIL FROM line for that recipient and message at a host that offers `offer`, or the refusal.
    fn check(recipient: &str, message: &str, offer: &str, expected: &str) {
        let envelope = Envelope {
            return_path: &Address::parse("b+t@mail.example.com").unwrap(),
            recipient: &Address::parse(recipient).unwrap(),
        };
        let offered = Capabilities::parse(&format!("mx\n{offer}"));
        let form = Form::of(message.as_bytes()).unwrap();
        let mut line = Vec::new();
        envelope.mail_from(form, message.len(), offered, &mut line);
        let found = envelope.refusal(form, message.len(), offered).map_or_else(
            || String::from_utf8(line).unwrap(),
            |reply| reply.to_string(),
        );
        assert_eq!(found.trim_end(), expected);
    }

    #[test]
    fn parameters_are_those_that_are_offered_and_needed() {
        let all = "SIZE 100\n8BITMIME\nSMTPUTF8";
        check("a@example.com", "x", "", "MAIL FROM:<b+t@mail.example.com>");
        check(
            "a@example.com",
            "x",
            all,
            "MAIL FROM:<b+t@mail.example.com> SIZE=1",
        );
        check(
            "a@example.com",
            "\r\n\r\nя",
            all,
            "MAIL FROM:<b+t@mail.example.com> SIZE=6 BODY=8BITMIME",
        );
        check(
            "a@example.com",
            "\r\n\r\nя",
            "",
            "MAIL FROM:<b+t@mail.example.com>",
        );
        check(
            "почта@example.com",
            "x",
            all,
            "MAIL FROM:<b+t@mail.example.com> SIZE=1 SMTPUTF8",
        );
    }

    #[test]
    fn what_the_host_cannot_take_is_refused_before_it_is_sent() {
        let utf8 = "553 5.6.7 not sent: the letter needs SMTPUTF8, which the host does not offer";
        check("почта@example.com", "x", "8BITMIME", utf8);
        check("a@example.com", "Subject: я\r\n", "8BITMIME", utf8);
        let long = "x".repeat(70_000);
        check(
            "a@example.com",
            &long,
            "SIZE 69999",
            "552 5.3.4 not sent: the letter has 70000 octets, the host takes 69999",
        );
        check(
            "a@example.com",
            &long,
            "SIZE 70000",
            "MAIL FROM:<b+t@mail.example.com> SIZE=70000",
        );
    }
}
