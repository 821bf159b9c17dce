//! Streams: kinds of mail, each with its own policy.
//!
//! Owns what a stream does when the operator says nothing but its kind. A stream read from a file is filled: every key
//! that the file leaves out has the value of its kind, so `config show` tells all of it.

use serde::{Deserialize, Serialize};

use super::{quiet::QuietHours, section::section, units::Period};

/// What the reader did to get such letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// Asked for this very letter: an order, a password.
    Transactional,
    /// Did something that the letter answers: a new response, a reminder.
    Trigger,
    /// Agreed to get such letters.
    Marketing,
}

/// What happens to a letter that may or may not have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InDoubtPolicy {
    /// Sent again.
    Retry,
    /// Left alone.
    Hold,
}

/// What happens to a letter that readers, filters or mailbox programs hold something against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LintGate {
    /// Nobody looks.
    Off,
    /// Flaws are told and counted.
    Warn,
    /// Grave flaws keep the letter here.
    Refuse,
}

section! {
    /// A kind of mail. Keys that are left out have values that suit its kind; those of the three default streams are
    /// shown here.
    pub struct Stream {
        /// Its name, by which letters choose it: lower-case letters, digits, `-`, `_`; 32 at most.
        pub name: String = String::new(), like r#""orders""#;
        /// "transactional": the reader asked for this very letter; "trigger": it answers something the reader did;
        /// "marketing": the reader agreed to get such letters. Without it "marketing", which has the best manners.
        pub kind: StreamKind = StreamKind::Marketing;
        /// The pool of sources that its letters leave from; without one, every source.
        pub pool: Option<String> = None, like r#""bulk""#;
        /// 0 to 9; 0 goes first. Letters of priority 0 to 2 have room of their own beside all others.
        pub priority: Option<u8> = None, like "5";
        /// Waiting times before the second, third, .. attempt; the last one repeats.
        pub retry: Option<Vec<Period>> = None, like r#"["15m", "1h"]"#;
        /// How far each waiting time is spread by chance, so that letters that failed together do not return
        /// together: 0.0 to 1.0 of it.
        pub jitter: Option<f64> = None, like "0.2";
        /// Age at which a letter is given up.
        pub give_up_after: Option<Period> = None, like r#""48h""#;
        /// When the connection died after the letter and before the answer: "retry" may send it twice, "hold" may
        /// send it never.
        pub in_doubt: Option<InDoubtPolicy> = None, like r#""hold""#;
        /// Whether letters carry one-click unsubscribe (RFC 8058). Gmail and Yahoo require it of bulk mail.
        pub unsubscribe: Option<bool> = None, like "true";
        /// List-Id (RFC 2919) without brackets; for `unsubscribe` streams the name below `identity.list_domain`.
        pub list_id: Option<String> = None, like r#""digest.list.example.com""#;
        /// The list's name for people, before the List-Id.
        pub list_name: Option<String> = None, like r#""Weekly digest""#;
        /// Whether letters say `Precedence: bulk`, which keeps absence notes away.
        pub bulk: Option<bool> = None, like "true";
        /// Whether letters say `Auto-Submitted: auto-generated` (RFC 3834), for the same.
        pub auto_submitted: Option<bool> = None, like "true";
        /// Whether letters carry CFBL-Address (RFC 9477), so that complaints find us.
        pub complaint_address: Option<bool> = None, like "true";
        /// X-Postmaster-Msgtype, by which Mail.ru groups statistics: 1 to 32 Latin letters and digits. Without it,
        /// those of the stream's name.
        pub message_type: Option<String> = None, like r#""digest""#;
        /// What is looked for in each letter (docs/lint.md): "off": nothing; "warn": flaws are counted and told at the door, the
        /// letter goes; "refuse": a letter with a grave flaw is refused at the door, or fails before it leaves.
        pub lint: LintGate = LintGate::Off;
        /// When its letters may not reach readers, by the reader's own clock (`to.time_zone` of a letter, else the one here);
        /// with `weekend = true` nor on Saturday and Sunday. Such letters wait for the first moment after that. Not for
        /// transactional streams.
        pub quiet_hours: Option<QuietHours> = None, like r#"{ from = "21:00", to = "08:00", time_zone = "Europe/Moscow" }"#;
    }
}

/// A stream with nothing left open.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one line of the header, on or off by itself"
)]
pub struct StreamPolicy {
    /// 0 goes first.
    pub priority: u8,
    /// Waiting times before the next attempts; never empty, the last one repeats.
    pub retry: Vec<Period>,
    /// Spread of each waiting time, 0..=1.
    pub jitter: f64,
    /// Age at which a letter is given up.
    pub give_up_after: Period,
    /// What happens to a letter that may or may not have arrived.
    pub in_doubt: InDoubtPolicy,
    /// One-click unsubscribe.
    pub unsubscribe: bool,
    /// `Precedence: bulk`.
    pub bulk: bool,
    /// `Auto-Submitted: auto-generated`.
    pub auto_submitted: bool,
    /// CFBL-Address.
    pub complaint_address: bool,
    /// X-Postmaster-Msgtype.
    pub message_type: String,
}

impl StreamKind {
    /// What suits this kind. Waiting times and ages: transactional letters are awaited, so they try soon and a second
    /// copy is better than none; the others would annoy twice.
    fn defaults(self) -> StreamPolicy {
        let (priority, retry, give_up_after, in_doubt) = match self {
            Self::Transactional => (
                1,
                vec![1, 5, 15, 30, 60, 120, 240],
                48,
                InDoubtPolicy::Retry,
            ),
            Self::Trigger => (5, vec![5, 15, 30, 60, 120], 24, InDoubtPolicy::Hold),
            Self::Marketing => (5, vec![15, 30, 60, 120, 240, 480], 72, InDoubtPolicy::Hold),
        };
        let is_asked_for = self == Self::Transactional;
        StreamPolicy {
            priority,
            retry: retry.into_iter().map(Period::minutes).collect(),
            jitter: 0.2,
            give_up_after: Period::hours(give_up_after),
            in_doubt,
            unsubscribe: !is_asked_for,
            bulk: !is_asked_for,
            auto_submitted: self != Self::Marketing,
            complaint_address: !is_asked_for,
            message_type: String::new(),
        }
    }
}

impl Stream {
    /// The streams of a configuration that names none.
    pub fn defaults() -> Vec<Self> {
        [
            ("transactional", StreamKind::Transactional),
            ("trigger", StreamKind::Trigger),
            ("marketing", StreamKind::Marketing),
        ]
        .map(|(name, kind)| Self::of_kind(name, kind))
        .into()
    }

    /// A stream that does what suits its kind.
    pub fn of_kind(name: &str, kind: StreamKind) -> Self {
        let mut stream = Self {
            name: name.to_owned(),
            kind,
            ..Self::default()
        };
        stream.fill();
        stream
    }

    /// What holds for this stream, the values of its kind where it says nothing.
    pub fn policy(&self) -> StreamPolicy {
        let kind = self.kind.defaults();
        let latin = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect();
        StreamPolicy {
            priority: self.priority.unwrap_or(kind.priority),
            retry: self.retry.clone().unwrap_or(kind.retry),
            jitter: self.jitter.unwrap_or(kind.jitter),
            give_up_after: self.give_up_after.unwrap_or(kind.give_up_after),
            in_doubt: self.in_doubt.unwrap_or(kind.in_doubt),
            unsubscribe: self.unsubscribe.unwrap_or(kind.unsubscribe),
            bulk: self.bulk.unwrap_or(kind.bulk),
            auto_submitted: self.auto_submitted.unwrap_or(kind.auto_submitted),
            complaint_address: self.complaint_address.unwrap_or(kind.complaint_address),
            message_type: self
                .message_type
                .clone()
                .unwrap_or_else(|| latin(&self.name)),
        }
    }

    /// Writes what holds into the keys that were left out.
    pub(super) fn fill(&mut self) {
        let policy = self.policy();
        self.priority = Some(policy.priority);
        self.retry = Some(policy.retry);
        self.jitter = Some(policy.jitter);
        self.give_up_after = Some(policy.give_up_after);
        self.in_doubt = Some(policy.in_doubt);
        self.unsubscribe = Some(policy.unsubscribe);
        self.bulk = Some(policy.bulk);
        self.auto_submitted = Some(policy.auto_submitted);
        self.complaint_address = Some(policy.complaint_address);
        self.message_type = Some(policy.message_type);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_says_wins_over_the_kind() {
        let stream = Stream {
            priority: Some(9),
            ..Stream::of_kind("digest", StreamKind::Marketing)
        };
        assert_eq!(stream.policy().priority, 9);
        assert!(stream.policy().unsubscribe);
    }

    #[test]
    fn only_letters_that_were_asked_for_leave_without_unsubscribe() {
        let with: Vec<_> = Stream::defaults()
            .iter()
            .map(|stream| stream.policy().unsubscribe)
            .collect();
        assert_eq!(with, [false, true, true]);
    }

    #[test]
    fn a_name_with_dashes_becomes_a_message_type_that_mailru_takes() {
        let stream = Stream::of_kind("new-order_2", StreamKind::Trigger);
        assert_eq!(stream.policy().message_type, "neworder2");
    }
}
