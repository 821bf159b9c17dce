//! What kind of refusal a reply or a bounce is: whose fault, and for how long.

/// The kind of refusal, one word in code, SQL, JSON and reports. The words are those of the field's bounce readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// No such user here: suppress now.
    BadMailbox,
    /// No such domain, or it accepts no mail (null MX, RFC 7505): suppress now.
    BadDomain,
    /// The mailbox exists but is disabled or abandoned.
    InactiveMailbox,
    /// Over quota: try again with later letters.
    MailboxFull,
    /// The letter is too large for this receiver.
    TooBig,
    /// The letter's content is refused (spam, virus, form).
    Content,
    /// Our IP, domain or sender is refused.
    Block,
    /// SPF, DKIM, DMARC or PTR of ours fails.
    Auth,
    /// The receiver's policy refuses this letter; says nothing certain about the mailbox.
    Policy,
    /// Too fast, or greylisted: slow down and come back.
    Rate,
    /// Nobody answered, or the way there is broken.
    Unreachable,
    /// The receiver's own trouble, or a reply we do not know.
    System,
}

/// Whose fault a refusal is, and so who has to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The recipient's address: only this fault may suppress.
    Recipient,
    /// Our reputation, authentication or content.
    Sender,
    /// The provider's own trouble.
    Provider,
    /// A limit or policy between us and the provider.
    Limit,
}

/// For how long a refusal holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// The same letter to the same address will be refused again.
    Permanent,
    /// Another try may succeed.
    Transient,
}

impl Class {
    /// Every class, in the order of reports.
    pub const ALL: [Self; 12] = [
        Self::BadMailbox,
        Self::BadDomain,
        Self::InactiveMailbox,
        Self::MailboxFull,
        Self::TooBig,
        Self::Content,
        Self::Block,
        Self::Auth,
        Self::Policy,
        Self::Rate,
        Self::Unreachable,
        Self::System,
    ];

    /// The word used in SQL, JSON, rules and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadMailbox => "bad-mailbox",
            Self::BadDomain => "bad-domain",
            Self::InactiveMailbox => "inactive-mailbox",
            Self::MailboxFull => "mailbox-full",
            Self::TooBig => "too-big",
            Self::Content => "content",
            Self::Block => "block",
            Self::Auth => "auth",
            Self::Policy => "policy",
            Self::Rate => "rate",
            Self::Unreachable => "unreachable",
            Self::System => "system",
        }
    }

    /// The class of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Whose fault this is.
    pub const fn fault(self) -> Fault {
        match self {
            Self::BadMailbox | Self::BadDomain | Self::InactiveMailbox | Self::MailboxFull => {
                Fault::Recipient
            }
            Self::TooBig | Self::Content | Self::Block | Self::Auth => Fault::Sender,
            Self::Policy | Self::Rate => Fault::Limit,
            Self::Unreachable | Self::System => Fault::Provider,
        }
    }
}

/// What the classifier found: the class, for how long, and which rule said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind of refusal.
    pub class: Class,
    /// For how long.
    pub term: Term,
    /// Name of the rule that decided, for `explain`.
    pub rule: &'static str,
    /// A waiting time that the text itself asks for ("try again in 10 minutes").
    pub retry_after: Option<std::time::Duration>,
    /// Whether this is greylisting: the same source must come back (RFC 6647).
    pub greylisted: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_reads_back_from_its_name() {
        for class in Class::ALL {
            assert_eq!(Class::parse(class.name()), Some(class));
        }
    }
}
