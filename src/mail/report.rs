//! What a mail that came back says: bounces, feedback reports, auto-replies.
//!
//! Owns the nouns between the readers of such mails (`bounce::mail`) and whoever acts on them. Promises: plain values; a
//! report proves nothing by itself, because anybody can write one. Whether it speaks of a letter of ours is told by a
//! token in [`Original`] or in the envelope, and what follows is for `policy::judge`.

use super::{Class, EnhancedCode, Finding, Timestamp};

/// All that one mail says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What kind of mail it is.
    pub kind: ReportKind,
    /// Name of the form by which it was understood, for `explain`; empty for ordinary mail.
    pub form: &'static str,
    /// The recipients it is about: of a bounce each with its fate, of a feedback report the complainant where it is told.
    pub recipients: Vec<Told>,
    /// What a feedback report says, and only there.
    pub complaint: Option<Complaint>,
    /// What is left of the letter it is about.
    pub original: Original,
}

/// The kind of a mail that arrived where reports arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportKind {
    /// A delivery report, delays and successes too (RFC 3464, and the forms that are not).
    Bounce,
    /// A feedback report (RFC 5965, and the forms that are not).
    Complaint,
    /// Written by a machine on behalf of a person: vacation notes, receipts, challenges (RFC 3834). Changes nothing.
    AutoReply,
    /// Anything else: a person's mail, or a report nobody understands. Changes nothing.
    #[default]
    Other,
}

/// What a report says about one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The address, as the report spells it, without angle brackets.
    pub address: String,
    /// Other spellings of the same recipient in the same report: the original against the final recipient.
    pub also: Vec<String>,
    /// What happened to the letter.
    pub action: Action,
    /// The SMTP code, where the report repeats a reply.
    pub code: Option<u16>,
    /// The enhanced code (RFC 3463), from the status field or from the words.
    pub enhanced: Option<EnhancedCode>,
    /// The diagnostic words, lines joined; what the rules read. Empty where the report gives none.
    pub words: String,
    /// What the words and codes mean. `None` where the letter arrived, and in feedback reports.
    pub finding: Option<Finding>,
}

/// What happened to a letter (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Given up.
    Failed,
    /// Still trying.
    Delayed,
    /// In the mailbox.
    Delivered,
    /// Handed to a host that reports nothing further.
    Relayed,
    /// Handed on to several other addresses.
    Expanded,
}

/// What a feedback report says (RFC 5965 §3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    /// `abuse`, `opt-out`, `fraud`, `not-spam`, `auth-failure` ..., in lower case.
    pub feedback_type: String,
    /// The program that wrote the report.
    pub user_agent: Option<String>,
    /// Version of the format.
    pub version: Option<String>,
    /// Where the letter came from, as the reporter saw it.
    pub source_ip: Option<String>,
    /// When the letter arrived, as written.
    pub arrival_date: Option<String>,
    /// The same moment, where it can be read and its zone is certain.
    pub arrived_at: Option<Timestamp>,
    /// The return path of the letter, without angle brackets.
    pub original_mail_from: Option<String>,
    /// The recipients that the report names in its own fields.
    pub original_rcpt_to: Vec<String>,
    /// Where the complainant's address was found; `None` where it was not.
    pub rcpt_source: Option<RcptSource>,
    /// Whether the reporter hid the address.
    pub redacted: bool,
    /// The domain the report is about.
    pub reported_domain: Option<String>,
    /// Message-ID of the letter, without angle brackets.
    pub original_message_id: Option<String>,
    /// Envelope id of the letter (RFC 3461 ENVID).
    pub original_envelope_id: Option<String>,
    /// Of `auth-failure` reports what failed: `dmarc`, `dkim`, `spf` ... (RFC 6591).
    pub auth_failure: Option<String>,
    /// How many complaints this one report stands for (RFC 5965 §3.2).
    pub incidents: u32,
}

/// Where a complainant's address was found, the most trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RcptSource {
    /// In the report's own fields.
    Report,
    /// In a header that the provider put into the letter or around it for this purpose.
    ProviderHeader,
    /// In the header of the letter.
    OriginalHeaders,
}

/// What is left of the letter in a report: the places that may carry a token of ours. All as written, none trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Original {
    /// Message-ID, without angle brackets.
    pub message_id: Option<String>,
    /// Return path, without angle brackets.
    pub return_path: Option<String>,
    /// The addresses and links of `List-Unsubscribe`, without angle brackets.
    pub list_unsubscribe: Vec<String>,
    /// Address of `CFBL-Address` (RFC 9477 §3.1).
    pub cfbl_address: Option<String>,
    /// `CFBL-Feedback-ID` (RFC 9477 §3.2).
    pub cfbl_feedback_id: Option<String>,
    /// `Feedback-ID`: groups letters, never tells one of them.
    pub feedback_id: Option<String>,
    /// Addresses in `From`.
    pub from: Vec<String>,
    /// Addresses in `To`, the first hundred.
    pub to: Vec<String>,
}

impl ReportKind {
    /// The word used in SQL, JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
            Self::AutoReply => "autoreply",
            Self::Other => "other",
        }
    }
}

impl Action {
    /// The word used in SQL, JSON and reports; RFC 3464 has the same.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
        }
    }

    /// Whether the letter got where this report comes from, or further.
    pub const fn arrived(self) -> bool {
        matches!(self, Self::Delivered | Self::Relayed | Self::Expanded)
    }
}

impl Told {
    /// Whether the reporter gave up for good: its codes say so, or where it tells none, its action and the class. The
    /// classifier's own term is in [`Told::finding`] and may be milder.
    pub fn is_permanent(&self) -> bool {
        let by_code = self
            .enhanced
            .map(|code| u16::from(code.class))
            .or_else(|| self.code.map(|code| code / 100));
        let unreachable = self
            .finding
            .as_ref()
            .is_some_and(|finding| finding.class == Class::Unreachable);
        self.action == Action::Failed && by_code.map_or(!unreachable, |class| class == 5)
    }
}

impl RcptSource {
    /// The word used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::ProviderHeader => "own-headers",
            Self::OriginalHeaders => "original-headers",
        }
    }
}

impl Complaint {
    /// Whether the reader wants no more mail: `not-spam` says the opposite, `auth-failure` speaks of forgers
    /// (RFC 6591), `virus` of what the letter carries.
    pub fn wants_out(&self) -> bool {
        let others = ["not-spam", "auth-failure", "virus", "dmarc"];
        !others.contains(&self.feedback_type.as_str())
    }
}
