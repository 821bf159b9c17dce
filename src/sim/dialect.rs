//! How each provider words its refusals.
//!
//! Owns the table of real reply texts and the step at which each is said. Promises: a new reply is a new line of
//! data; a provider without its own words speaks like a plain Postfix. Leaves to `provider` when to refuse. The texts
//! are what the providers of the same name send; `bounce` must understand them without ever having seen this file.

use crate::mail::Stage;

/// Whose words a provider uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// Gmail and Workspace.
    Google,
    /// Yahoo and AOL.
    Yahoo,
    /// Outlook.com and Microsoft 365.
    Outlook,
    /// Mail.ru.
    Mailru,
    /// Yandex.
    Yandex,
    /// Rambler.
    Rambler,
    /// Everybody else.
    Postfix,
}

/// Why a provider refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// No such mailbox.
    UnknownUser,
    /// The mailbox is closed.
    Disabled,
    /// The mailbox has no room.
    Full,
    /// Never seen this source, sender and recipient together.
    Greylisted,
    /// Too many letters from this source.
    RateLimited,
    /// Too many connections from this source.
    TooManyConnections,
    /// Too many letters on this connection.
    TooManyLetters,
    /// The letter looks like spam.
    Spam,
    /// The recipient's domain is not served here.
    Foreign,
    /// The letter is larger than the host takes.
    TooBig,
}

/// A refusal in a provider's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saying {
    /// Why.
    pub refusal: Refusal,
    /// At which step of the talk.
    pub stage: Stage,
    /// The reply's lines, each with its code; `{recipient}`, `{local}` and `{source}` are filled in.
    pub template: &'static str,
}

impl Saying {
    /// The reply's code.
    pub fn code(&self) -> u16 {
        let digits = self.template.bytes().take(3);
        digits.fold(0, |code, digit| code * 10 + u16::from(digit - b'0'))
    }

    /// The reply with its placeholders filled in.
    pub(super) fn render(&self, recipient: &str, source: &str) -> String {
        let local = recipient.split('@').next().unwrap_or(recipient);
        self.template
            .replace("{recipient}", recipient)
            .replace("{local}", local)
            .replace("{source}", source)
    }
}

/// The dialect's words for a refusal; where it has several, `pick` chooses.
pub(super) fn saying(dialect: Dialect, refusal: Refusal, pick: u64) -> Saying {
    let own = || rows(dialect, refusal);
    let count = own().count() as u64;
    if count == 0 {
        return saying(Dialect::Postfix, refusal, pick);
    }
    let chosen = usize::try_from(pick % count).unwrap_or(0);
    let (.., stage, template) = own()
        .nth(chosen)
        .expect("a number modulo the count is below the count");
    Saying {
        refusal,
        stage: *stage,
        template,
    }
}

fn rows(dialect: Dialect, refusal: Refusal) -> impl Iterator<Item = &'static Row> {
    SAYINGS
        .iter()
        .filter(move |row| row.0 == dialect && row.1 == refusal)
}

type Row = (Dialect, Refusal, Stage, &'static str);

use Dialect::{Google, Mailru, Outlook, Postfix, Rambler, Yahoo, Yandex};
use Refusal::{
    Disabled, Foreign, Full, Greylisted, RateLimited, Spam, TooBig, TooManyConnections,
    TooManyLetters, UnknownUser,
};
use Stage::{Banner, FinalDot, MailFrom, RcptTo};

/// Every reply the simulated providers know.
#[rustfmt::skip]
const SAYINGS: &[Row] = &[
    (Google, UnknownUser, RcptTo, "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking the recipient's email address for typos or\n550-5.1.1 unnecessary spaces. For more information, go to\n550 5.1.1  https://support.google.com/mail/?p=NoSuchUser - gsmtp"),
    (Google, Disabled, RcptTo, "550-5.2.1 The email account that you tried to reach is inactive. For more\n550-5.2.1 information, go to\n550 5.2.1  https://support.google.com/mail/?p=DisabledUser - gsmtp"),
    (Google, Full, RcptTo, "452-4.2.2 The recipient's inbox is out of storage space. Please direct the\n452-4.2.2 recipient to\n452 4.2.2  https://support.google.com/mail/?p=OverQuotaTemp - gsmtp"),
    (Google, RateLimited, RcptTo, "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\n421-4.7.28 from your IP address [{source}]. To protect our users from spam, mail\n421-4.7.28 sent from your IP address has been temporarily rate limited. Please\n421 4.7.28 visit https://support.google.com/mail/?p=UnsolicitedRateLimitError - gsmtp"),
    (Google, RateLimited, RcptTo, "450-4.2.1 The user you are trying to contact is receiving mail at a rate that\n450-4.2.1 prevents additional messages from being delivered. Please resend your\n450-4.2.1 message at a later time. For more information, go to\n450 4.2.1  https://support.google.com/mail/?p=ReceivingRate - gsmtp"),
    (Google, TooManyConnections, Banner, "421-4.7.0 Try again later, closing connection. (EHLO)\n421 4.7.0 For more information, go to https://support.google.com/mail/?p=TooManyConnections - gsmtp"),
    (Google, TooManyLetters, MailFrom, "421 4.7.0 Try again later, closing connection. - gsmtp"),
    (Google, Spam, FinalDot, "550-5.7.1 [{source}] Our system has detected that this message is likely\n550-5.7.1 unsolicited mail. To reduce the amount of spam sent to Gmail, this\n550-5.7.1 message has been blocked. For more information, go to\n550 5.7.1  https://support.google.com/mail/?p=UnsolicitedMessageError - gsmtp"),

    (Yahoo, UnknownUser, FinalDot, "554 delivery error: dd This user doesn't have a yahoo.com account ({recipient}) [0] - mta4.example"),
    (Yahoo, Disabled, FinalDot, "554 30 Sorry, your message to {recipient} cannot be delivered. This mailbox is disabled (554.30)."),
    (Yahoo, Full, RcptTo, "552 5.2.2 Mailbox over quota"),
    (Yahoo, RateLimited, MailFrom, "421 4.7.0 [TSS04] Messages from {source} temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes"),
    (Yahoo, TooManyLetters, MailFrom, "421 Max message per connection reached, closing transmission channel"),
    (Yahoo, Spam, FinalDot, "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes"),

    (Outlook, UnknownUser, RcptTo, "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)."),
    (Outlook, UnknownUser, RcptTo, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {recipient} not found by SMTP address lookup"),
    (Outlook, Disabled, RcptTo, "550 5.2.1 Mailbox disabled, not accepting messages for {recipient}"),
    (Outlook, Full, RcptTo, "452 4.2.2 The recipient's mailbox is full and can't accept messages now. Please try resending later, or contact the recipient directly."),
    (Outlook, RateLimited, MailFrom, "451 4.7.650 The mail server [{source}] has been temporarily rate limited due to IP reputation. For e-mail delivery information, see https://postmaster.live.com (S775)"),
    (Outlook, TooManyConnections, Banner, "421 RP-003 (BAY004-MC1F1) Unfortunately, some messages from {source} weren't sent. The number of concurrent connections to the server has been exceeded."),
    (Outlook, TooManyLetters, MailFrom, "421 RP-002 (BAY004-MC1F1) Unfortunately, some messages from {source} weren't sent. The number of messages per connection has been exceeded."),
    (Outlook, Spam, FinalDot, "550 5.7.1 Message blocked due to content policy violation AS(4810)"),

    (Mailru, UnknownUser, FinalDot, "550 Message was not accepted -- invalid mailbox.  Local mailbox {recipient} is unavailable: user not found"),
    (Mailru, Disabled, FinalDot, "550 Message was not accepted -- invalid mailbox.  Local mailbox {recipient} is unavailable: account is disabled"),
    (Mailru, Full, FinalDot, "552 Message was not accepted -- Local mailbox {recipient} is unavailable: mailbox is full"),
    (Mailru, RateLimited, RcptTo, "451 Ratelimit exceeded for mailbox {recipient}. Try again later"),
    (Mailru, RateLimited, MailFrom, "421 try again later"),
    (Mailru, TooManyConnections, Banner, "421 Too many connections from {source}. try again later"),
    (Mailru, TooManyLetters, MailFrom, "421 try again later"),
    (Mailru, Spam, FinalDot, "550 spam message rejected. Please visit https://help.mail.ru/notspam-support/id?c=0Zz9 or report details to abuse@corp.mail.ru. Error code: 5A17. ID: 000000"),

    (Yandex, UnknownUser, RcptTo, "550 5.7.1 No such user!"),
    (Yandex, Disabled, RcptTo, "550 5.7.1 Policy rejection on the target address"),
    (Yandex, Full, RcptTo, "552 5.2.2 Mailbox size limit exceeded"),
    (Yandex, Greylisted, RcptTo, "451 4.7.1 Sorry, the service is currently unavailable. Please come back later."),
    (Yandex, RateLimited, RcptTo, "451 4.7.1 Sorry, the service is currently unavailable. Please come back later."),
    (Yandex, RateLimited, RcptTo, "450 4.2.1 The recipient has exceeded their message rate limit. Try again later."),
    (Yandex, TooManyConnections, Banner, "421 4.7.0 {source} Error: too many connections"),
    (Yandex, Spam, FinalDot, "554 5.7.1 [2] Message rejected under suspicion of SPAM; https://ya.cc/1IrBc"),

    (Rambler, UnknownUser, RcptTo, "550 5.1.1 <{recipient}>: Recipient address rejected: user not found"),
    (Rambler, Full, RcptTo, "552 5.2.2 <{recipient}>: Recipient address rejected: mailbox is full"),

    (Postfix, UnknownUser, RcptTo, "550 5.1.1 <{recipient}>: Recipient address rejected: User unknown in virtual mailbox table"),
    (Postfix, Disabled, RcptTo, "550 5.2.1 <{recipient}>: Recipient address rejected: User account disabled"),
    (Postfix, Full, RcptTo, "452 4.2.2 <{recipient}>: Recipient address rejected: Mailbox is full"),
    (Postfix, Greylisted, RcptTo, "451 4.7.1 <{recipient}>: Recipient address rejected: Greylisted, please try again later"),
    (Postfix, RateLimited, RcptTo, "450 4.7.1 Error: too much mail from {source}"),
    (Postfix, TooManyConnections, Banner, "421 4.7.0 mx Error: too many connections from {source}"),
    (Postfix, TooManyLetters, MailFrom, "421 4.7.0 mx Error: too many messages on this connection"),
    (Postfix, Spam, FinalDot, "550 5.7.1 Message rejected as spam by content filtering"),
    (Postfix, Foreign, RcptTo, "554 5.7.1 <{recipient}>: Relay access denied"),
    (Postfix, TooBig, FinalDot, "552 5.3.4 Message size exceeds fixed limit"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_reply_repeats_its_code_and_only_the_last_ends_it() {
        for (.., template) in SAYINGS {
            let lines: Vec<&str> = template.split('\n').collect();
            for (i, line) in lines.iter().enumerate() {
                let mark = if i + 1 == lines.len() { " " } else { "-" };
                assert_eq!(&line[..3], &template[..3], "{line}");
                assert_eq!(&line[3..4], mark, "{line}");
                assert!(line.len() <= 510, "RFC 5321 §4.5.3.1.5: {line}");
            }
        }
    }

    #[test]
    fn every_refusal_has_words_in_the_plain_dialect() {
        for (_, refusal, ..) in SAYINGS {
            assert!(rows(Dialect::Postfix, *refusal).next().is_some());
        }
    }

    #[test]
    fn a_reply_names_the_recipient_it_refuses() {
        let text = saying(Dialect::Mailru, Refusal::UnknownUser, 0).render("anna@mail.ru", "");
        assert_eq!(
            text,
            "550 Message was not accepted -- invalid mailbox.  \
             Local mailbox anna@mail.ru is unavailable: user not found"
        );
    }
}
