//! What a refusal means: a reply, a trouble on the wire or a dead end in DNS becomes a [`Finding`].
//!
//! Owns the classification rules (`rules.toml`: data, each rule with the replies that taught it) and the waiting times
//! that replies ask for. Promises: every reply gives a finding, whatever its bytes; a 4xx is never permanent; what is
//! not recognised is never the recipient's fault. Decides nothing: whether a letter bounces and whether its reader is
//! suppressed is for `policy::judge`. Read [`rules`] next, then `rules.toml`.

mod finder;
pub mod hints;
pub mod mail;
mod quoted;
pub mod rules;
pub mod statistics;
pub mod text;

#[cfg(test)]
mod corpus;

use crate::mail::{
    Class, EnhancedCode, Finding, Provider, Reply, Stage, Term, Trouble, TroubleKind, Unroutable,
};

use quoted::Quoted;
use rules::Asked;
pub use text::reply_from_line;

/// What a refusal means. Text of that provider is asked first, then text in general, then the enhanced code, then the
/// basic one: providers disagree about codes far more than about words.
pub fn classify(reply: &Reply, provider: Provider) -> Finding {
    let words = text::normalise(reply);
    let asked = Asked {
        words: &words,
        code: Some(reply.code),
        stage: reply.stage,
        provider,
    };
    find(&asked, |_| reply.is_permanent())
}

/// What a refusal means that a mail system reports in words: a diagnostic field (RFC 3464 §2.3.6) or prose.
///
/// `words` may begin with a type (`smtp;`), tell the talk around the reply (`host mx said: 550 …`), or hold no code at all.
/// `code` and `enhanced` are what the report says elsewhere; what the words themselves say goes before them. A 4xx or a
/// 4.x.x in either place makes the finding transient; where no code is told, the class says for how long it holds.
pub fn classify_words(
    words: &str,
    code: Option<u16>,
    enhanced: Option<EnhancedCode>,
    provider: Provider,
) -> Finding {
    let quoted = Quoted::read(words, code, enhanced);
    find(&quoted.asked(provider), |class| {
        quoted.permanent.unwrap_or_else(|| lasts(class))
    })
}

/// What in a reply made the rule decide: the words it matched, else the code.
pub fn evidence(reply: &Reply, provider: Provider) -> String {
    let words = text::normalise(reply);
    rules::builtin().evidence(&Asked {
        words: &words,
        code: Some(reply.code),
        stage: reply.stage,
        provider,
    })
}

/// The same for words of a report; the arguments are those of [`classify_words`].
pub fn evidence_in_words(
    words: &str,
    code: Option<u16>,
    enhanced: Option<EnhancedCode>,
    provider: Provider,
) -> String {
    let quoted = Quoted::read(words, code, enhanced);
    rules::builtin().evidence(&quoted.asked(provider))
}

fn find(asked: &Asked<'_>, permanent: impl Fn(Class) -> bool) -> Finding {
    let rule = rules::builtin().decide(asked);
    let (class, name): (Class, &'static str) =
        rule.map_or((Class::System, "unknown"), |rule| (rule.class, &rule.name));
    let softened = rule.is_some_and(|rule| rule.softens);
    let term = if permanent(class) && !softened {
        Term::Permanent
    } else {
        Term::Transient
    };
    let retry_after = match term {
        Term::Transient => hints::in_words(&asked.words.text),
        Term::Permanent => None,
    };
    Finding {
        class,
        term,
        rule: name,
        retry_after,
        greylisted: rule.is_some_and(|rule| rule.greylist),
    }
}

/// Whether a refusal without any code is the last word.
const fn lasts(class: Class) -> bool {
    match class {
        Class::MailboxFull | Class::Rate | Class::Unreachable | Class::System => false,
        Class::BadMailbox
        | Class::BadDomain
        | Class::InactiveMailbox
        | Class::TooBig
        | Class::Content
        | Class::Block
        | Class::Auth
        | Class::Policy => true,
    }
}

/// What a broken talk means: never a word about the recipient, and always worth another try.
pub fn of_trouble(trouble: &Trouble) -> Finding {
    let class = match trouble.kind {
        // Somebody is there and does not speak SMTP or TLS as we do.
        TroubleKind::Tls | TroubleKind::Garbage => Class::System,
        TroubleKind::Refused | TroubleKind::TimedOut | TroubleKind::Closed | TroubleKind::Io => {
            match trouble.stage {
                Stage::Auth => Class::System,
                _ => Class::Unreachable,
            }
        }
    };
    plain(class, Term::Transient, trouble_rule(trouble.kind))
}

/// What a dead end in DNS means (RFC 5321 §5.1, RFC 7505 §3).
pub fn of_unroutable(unroutable: &Unroutable) -> Finding {
    match unroutable {
        Unroutable::NoSuchDomain => plain(Class::BadDomain, Term::Permanent, "dns-no-such-domain"),
        Unroutable::NoMailHost => plain(Class::BadDomain, Term::Permanent, "dns-no-mail-host"),
        Unroutable::NullMx => plain(Class::BadDomain, Term::Permanent, "dns-null-mx"),
        Unroutable::DnsTrouble(_) => plain(Class::Unreachable, Term::Transient, "dns-trouble"),
    }
}

const fn trouble_rule(kind: TroubleKind) -> &'static str {
    match kind {
        TroubleKind::Refused => "wire-refused",
        TroubleKind::TimedOut => "wire-timed-out",
        TroubleKind::Closed => "wire-closed",
        TroubleKind::Io => "wire-io",
        TroubleKind::Tls => "wire-tls",
        TroubleKind::Garbage => "wire-garbage",
    }
}

const fn plain(class: Class, term: Term, rule: &'static str) -> Finding {
    Finding {
        class,
        term,
        rule,
        retry_after: None,
        greylisted: false,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, provider: Provider, expected: &str) {
        let reply = reply_from_line(Stage::RcptTo, line).expect("a reply line");
        let found = classify(&reply, provider);
        let mut told = format!("{} {:?}", found.class.name(), found.term).to_lowercase();
        if found.greylisted {
            told += " greylisted";
        }
        if let Some(wait) = found.retry_after {
            let _ = write!(told, " after {}s", wait.as_secs());
        }
        assert_eq!(told, expected, "{line} by {}", found.rule);
    }

    #[test]
    fn text_beats_the_enhanced_code() {
        check(
            "550 5.7.1 No such user!",
            Provider::Yandex,
            "bad-mailbox permanent",
        );
        check(
            "550 5.7.1 No such user!",
            Provider::Other,
            "bad-mailbox permanent",
        );
        check(
            "550 5.1.1 sender is blacklisted",
            Provider::Other,
            "block permanent",
        );
        check(
            "550 5.1.1 <a@example.com> - 192.0.2.1 has sent to too many recipients this hour",
            Provider::Other,
            "rate permanent",
        );
    }

    #[test]
    fn the_words_inside_an_address_decide_nothing() {
        check(
            "550 <spam.user.unknown@example.com>: go away",
            Provider::Other,
            "policy permanent",
        );
        check(
            "450 <mailbox.full@example.com> later",
            Provider::Other,
            "system transient",
        );
    }

    #[test]
    fn what_sounds_like_a_missing_mailbox_and_is_about_us_suppresses_nobody() {
        for line in [
            "550 Email blocked by policy",
            "550 5.7.1 Your email has been blocked",
            "550 Your IP address has been suspended",
            "550 5.7.1 Client IP address not found in our records",
            "550 Sender user account is disabled",
            "550 Your account is locked",
            "550 from domain does not exist",
            "550-Verification failed for <shop@example.com> 550-No Such User Here 550 Sender verify failed",
            "550 Sender address rejected: User unknown in virtual mailbox table",
            "550 5.7.1 <mta.example.com>: Helo command rejected: Host not found",
            "550 Requested action not taken: mailbox unavailable. For explanation visit https://postmaster.mail.example",
            "550 5.7.1 Recipient rejected by our policy",
            "550 5.7.1 <a@example.com>: Recipient address rejected: SPF fail",
            "550 5.7.1 PTR record not found",
            "550 Absender unbekannt",
            "550 Домен отправителя не существует",
            "550 Адрес отправителя заблокирован",
            "550 5.7.1 Message rejected: user reported spam, mailbox not found is not the reason",
            "554 5.7.1 user unknown with this reputation",
        ] {
            for provider in Provider::ALL {
                let reply = reply_from_line(Stage::RcptTo, line).expect("a reply line");
                let found = classify(&reply, provider);
                let suppresses = [Class::BadMailbox, Class::BadDomain, Class::InactiveMailbox];
                assert!(
                    !suppresses.contains(&found.class),
                    "{line} by {}",
                    found.rule
                );
            }
        }
    }

    #[test]
    fn an_unknown_answer_is_nobodys_mailbox() {
        check(
            "550 Kein Anschluss unter dieser Nummer",
            Provider::Other,
            "policy permanent",
        );
        check("499 ???", Provider::Other, "system transient");
        check("599 ???", Provider::Other, "system permanent");
        check(
            "450 5.1.1 User unknown",
            Provider::Other,
            "bad-mailbox transient",
        );
    }

    #[test]
    fn a_waiting_time_is_read_from_a_deferral_only() {
        check(
            "451 4.7.1 Greylisted, please try again in 300 seconds",
            Provider::Other,
            "rate transient greylisted after 300s",
        );
        check(
            "550 5.7.1 Message rejected as spam, try again in 10 minutes",
            Provider::Other,
            "content permanent",
        );
    }

    #[test]
    fn trouble_and_dead_ends_have_classes_too() {
        let trouble = Trouble::new(Stage::Banner, TroubleKind::TimedOut, "no banner");
        assert_eq!(of_trouble(&trouble).class, Class::Unreachable);
        assert_eq!(of_unroutable(&Unroutable::NullMx).class, Class::BadDomain);
        let dns = of_unroutable(&Unroutable::DnsTrouble("SERVFAIL".into()));
        assert_eq!((dns.class, dns.term), (Class::Unreachable, Term::Transient));
    }

    /// Processor-bound work, so a factor of size is a factor of time; the bound is generous for a busy machine.
    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "growth is measured, not asserted to the clock"
    )]
    fn a_reply_eight_times_as_long_does_not_take_longer_than_in_proportion() {
        let spent = |octets: usize| {
            let words = "user mailbox is over the recipient 4.7.1 550 <a@b> ".repeat(octets / 50);
            let begin = std::time::Instant::now();
            for _ in 0..20 {
                classify(
                    &Reply::new(Stage::RcptTo, 550, words.as_str()),
                    Provider::Other,
                );
                classify_words(&words, None, None, Provider::Other);
            }
            begin.elapsed()
        };
        spent(8 << 10);
        let (short, long) = (spent(8 << 10), spent(64 << 10));
        assert!(long < short * 8 * 4, "{short:?} became {long:?}");
    }

    fn any_provider() -> impl Strategy<Value = Provider> {
        prop::sample::select(Provider::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn any_text_gives_a_finding_and_a_4xx_is_never_permanent(
            code in 0_u16..1000, text in ".{0,200}", provider in any_provider()
        ) {
            let found = classify(&Reply::new(Stage::RcptTo, code, text), provider);
            prop_assert!(code >= 500 || found.term == Term::Transient);
        }

        #[test]
        fn any_bytes_are_read_live_and_reported(
            bytes in prop::collection::vec(any::<u8>(), 0..600), code in prop::option::of(0_u16..1000), provider in any_provider()
        ) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let reported = classify_words(&text, code, None, provider);
            prop_assert!(code.is_none_or(|code| code >= 500) || reported.term == Term::Transient);
            evidence_in_words(&text, code, None, provider);
            let reply = Reply::new(Stage::FinalDot, code.unwrap_or(550), text);
            classify(&reply, provider);
            evidence(&reply, provider);
        }

        #[test]
        fn words_without_meaning_never_prove_a_mailbox_wrong(
            code in 500_u16..556, text in "[qxzj0-9 ]{0,60}", provider in any_provider()
        ) {
            let found = classify(&Reply::new(Stage::RcptTo, code, text), provider);
            let unproven = [Class::System, Class::Policy, Class::MailboxFull];
            prop_assert!(unproven.contains(&found.class), "{}", found.rule);
        }
    }
}
