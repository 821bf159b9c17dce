//! The sentences by which reports for people are known.
//!
//! Owns the phrases and the one pass that finds them all (Aho-Corasick, so that a thousand phrases cost as much as ten).
//! Promises: letter case of ASCII is ignored; a mark that ends the notice counts only on a line that looks like a mark.
//! What follows from a phrase is for [`super::notice`].

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};

/// What a phrase tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Recipients that failed follow, on this line or the next ones.
    Failed,
    /// Recipients that must wait follow.
    Delayed,
    /// Recipients that got the letter follow.
    Delivered,
    /// Words that only a report uses, without recipients behind them.
    Report,
    /// The returned letter follows.
    Returned,
    /// The name of the program that wrote the report.
    Writer(&'static str),
}

/// A phrase found in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    /// What it tells.
    pub(super) sign: Sign,
    /// Where it starts.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
}

/// Every phrase in a text, without overlaps, in order.
pub(super) fn find(text: &str) -> impl Iterator<Item = Hit> {
    BOOK.machine.find_iter(text).map(|found| Hit {
        sign: BOOK.signs[found.pattern().as_usize()],
        start: found.start(),
        end: found.end(),
    })
}

struct Book {
    machine: AhoCorasick,
    signs: Vec<Sign>,
}

static BOOK: LazyLock<Book> = LazyLock::new(|| {
    let of = |sign: Sign, list: &[&'static str]| -> Vec<(Sign, &'static str)> {
        list.iter().map(|phrase| (sign, *phrase)).collect()
    };
    let mut all = of(Sign::Failed, FAILED);
    all.extend(of(Sign::Delayed, DELAYED));
    all.extend(of(Sign::Delivered, DELIVERED));
    all.extend(of(Sign::Report, REPORT));
    all.extend(of(Sign::Returned, RETURNED));
    all.extend(
        WRITERS
            .iter()
            .map(|(phrase, name)| (Sign::Writer(name), *phrase)),
    );
    #[expect(
        clippy::expect_used,
        reason = "the phrases are constants that every test builds"
    )]
    let machine = AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .match_kind(aho_corasick::MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::DFA))
        .build(all.iter().map(|(_, phrase)| phrase))
        .expect("the phrases build one machine");
    let signs = all.into_iter().map(|(sign, _)| sign).collect();
    Book { machine, signs }
});

/// After these the addresses follow that failed. Short, so that the line breaks of their writers do not cut them.
const FAILED: &[&str] = &[
    "following address",
    "following recipient",
    "following list of recipients",
    "following e-mail address",
    "following email address",
    "following destination",
    "following user",
    "these recipients",
    "this recipient",
    "failed recipient",
    "failed addresses",
    "addresses failed",
    "address failed",
    "recipients failed",
    "not delivered to",
    "could not be delivered to",
    "couldn't be delivered to",
    "cannot be delivered to",
    "can not be delivered to",
    "can't be delivered to",
    "not be delivered for",
    "undeliverable address",
    "undeliverable to",
    "undeliverable  to",
    "undeliverable for",
    "unable to deliver message to",
    "unable to deliver your message to",
    "unable to deliver the message to",
    "unable to deliver mail to",
    "unable to deliver to",
    "delivering your mail to",
    "delivering your message to",
    "could not deliver mail to",
    "could not deliver message to",
    "could not deliver your message to",
    "could not deliver the message to",
    "couldn't deliver your message to",
    "invalid final delivery userid",
    "unknown user:",
    "unknown local part",
    "unknown recipient:",
    "delivery failed",
    "delivery has failed",
    "delivery to these",
    "intended recipient",
    "target mail address",
    "failure reasons",
    "rejected recipient",
    "rejected the recipient",
    "did not reach",
    "could not be reached",
    "recipient: ",
    "recipient address:",
    "recipients: ",
    "failed address:",
    "bounced address:",
    "you sent mail to",
    "to email address :",
    "message was sent to",
    "your message to ",
    "your mail to ",
    "your email to ",
    "permanent fatal errors",
    "had delivery errors",
    "delivery error",
    "addresses were not",
    "incorrectly constructed",
    "user unknown: ",
    "no such user:",
    "wasn't delivered to",
    "couldn't be found",
    "the mail to",
    "duplicated message-id in",
    "non remis",
    "pas pu etre delivre",
    "pas pu être délivré",
    "pas pu être remis",
    "n'a pas pu être",
    "nicht zugestellt werden",
    "konnte nicht zugestellt",
    "nicht erreicht",
    "folgende empfänger",
    "no se pudo entregar",
    "no se ha podido entregar",
    "no pudo ser entregado",
    "não pôde ser entregue",
    "não foi entregue",
    "não foi possível entregar",
    "non è stato possibile recapitare",
    "non è stato recapitato",
    "kon niet worden",
    "не может быть доставлен",
    "не может быть доставлено",
    "не могут быть доставлен",
    "не могло быть доставлено",
    "не удалось доставить",
    "не было доставлено",
    "не доставлено",
    "невозможно доставить",
    "следующим получателям",
    "следующие получатели",
    "по следующему адресу",
    "по следующим адресам",
    "送信できませんでした",
    "送信に失敗",
    "配信できません",
    "配送できません",
    "お届けできません",
    "送達できません",
    "宛先",
    "次の受信者",
    "以下のアドレス",
    "以下のメールアドレス",
    "无法投递",
    "无法送达",
    "投递失败",
    "退信",
    "無法傳遞",
    "다음 수신자",
];

/// Still trying.
const DELAYED: &[&str] = &[
    "has been delayed",
    "been delayed",
    "is delayed",
    "delayed mail",
    "not yet been delivered",
    "not been delivered yet",
    "transient non-fatal errors",
    "warning message only",
    "delivery attempts will continue",
    "will keep trying",
    "will continue to try",
    "will be retried",
    "will retry",
    "you do not need to resend",
    "do not resend your",
    "still being retried",
    "была задержана",
    "пока не доставлено",
    "ещё не доставлено",
    "еще не доставлено",
    "повторные попытки доставки",
    "попытки доставки будут продолжены",
];

/// Arrived.
const DELIVERED: &[&str] = &[
    "successfully delivered to",
    "was successfully delivered",
    "been successfully delivered",
    "successful mail delivery report",
    "has been delivered to the following",
    "was delivered to the following",
    "been delivered to the following",
    "delivery to the following recipients succeeded",
    "delivered to the recipient's mailbox",
    "your message has been successfully",
    "your message was successfully",
    "было успешно доставлено",
];

/// Said by reports only.
const REPORT: &[&str] = &[
    "this is a permanent error",
    "giving up on",
    "given up",
    "remote host said",
    "transcript of session follows",
    "transcript of the session follows",
    "automatically generated delivery status",
    "automatic bounce notification",
    "delivery status notification",
    "mail delivery software",
    "could not be delivered",
    "couldn't be delivered",
    "was not delivered",
    "not be delivered",
    "unable to deliver",
    "wasn't able to deliver",
    "message not delivered",
    "delivery failure",
    "trouble delivering",
    "returned to sender",
    "has been returned",
    "being returned",
    "may not exist, or you may not have permission",
    "the group you tried to contact",
    "undelivered mail",
    "returned mail",
    "no such user",
    "user unknown",
    "did not match",
    "did not exactly match",
    "not a valid user",
    "mailbox is full",
];

/// After these the returned letter follows.
const RETURNED: &[&str] = &[
    "\nreceived:",
    "\nreturn-path:",
    "\ndkim-signature:",
    "\narc-seal:",
    "\nx-received:",
    "\n>received:",
    "\n>return-path:",
    "below this line is a copy",
    "below the next line is a copy",
    "enclosed is a copy",
    "attachment is a copy",
    "this is a copy of the message",
    "this is a copy of your message",
    "this is a copy of the headers",
    "copy of the original message",
    "copy of the message header",
    "original message follows",
    "original message -----",
    "original message headers",
    "original message header",
    "original message details",
    "original message as received",
    "original message attached",
    "original mail as follows",
    "-original message",
    "message headers follow",
    "message header follows",
    "message headers follow:",
    "header of the original message",
    "headers of the original message",
    "unsent message",
    "returned message ",
    "returned message:",
    "returned mail -",
    "returned mail follows",
    "message text follows",
    "bounced e-mail:",
    "message body suppressed",
    "message truncated",
    "message contains",
    "attached message follows",
    "included is a copy",
    "копия сообщения",
    "копия письма",
    "копия исходного",
    "исходное сообщение",
];

/// Programs that sign their reports.
const WRITERS: &[(&str, &str)] = &[
    ("qmail-send program", "qmail"),
    ("the deliver program at", "qmail"),
    ("the postfix program", "postfix"),
    ("mail system at host", "postfix"),
    ("dragonfly mail agent", "dragonfly"),
    ("created automatically by mail delivery software", "exim"),
    ("сервером mail.ru", "mailru"),
    ("yandex", "yandex"),
    ("google groups", "google-groups"),
    ("google tried to deliver", "gmail"),
    ("technical details of permanent failure", "gmail"),
    ("hmailserver", "hmailserver"),
    ("mailenable", "mailenable"),
    ("domino directory", "domino"),
    ("msexch:", "exchange"),
    ("generating server", "exchange"),
    ("message from yahoo", "yahoo"),
    ("m-filter", "m-filter"),
    ("interscan", "interscan"),
    ("mailer-daemon, please do not reply", "opensmtpd"),
    ("error_code :", "zoho"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_found_in_any_case() {
        let signs: Vec<Sign> = find("Hi. FOLLOWING Addresses. К сожалению, не удалось доставить")
            .map(|hit| hit.sign)
            .collect();
        assert_eq!(signs, [Sign::Failed, Sign::Failed]);
    }

    #[test]
    fn no_phrase_is_written_twice_and_all_are_lower_case() {
        let lists = [FAILED, DELAYED, DELIVERED, REPORT, RETURNED];
        let mut all: Vec<&str> = lists.concat();
        all.extend(WRITERS.iter().map(|(phrase, _)| *phrase));
        for phrase in &all {
            assert_eq!(*phrase, phrase.to_lowercase(), "{phrase}");
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
