//! A hold: letters that stay here until a person lets them go.
//!
//! Owns [`Hold`] and what it may be laid on, and [`Aside`], the ways in which a letter is kept here untouched. Leaves the question whether a letter is meant to `policy::hold`.

use std::borrow::Cow;

use super::{Domain, Provider, Timestamp};

/// A hold's number, as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(pub i32);

/// What is held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoldOn {
    /// Every letter.
    All,
    /// Letters to one mailbox operator.
    Provider(Provider),
    /// Letters to one set of MX hosts, by the name that attempts bear.
    Site(String),
    /// Letters to one recipient domain.
    Domain(Domain),
    /// Letters of one campaign.
    Campaign(String),
    /// Letters of one stream.
    Stream(String),
    /// Letters that would leave from one source.
    Source(String),
    /// Letters of one campaign to one mailbox operator.
    CampaignAt(String, Provider),
    /// Letters of one stream that name no campaign, to one mailbox operator.
    StreamAt(String, Provider),
}

impl HoldOn {
    /// The word for its kind, used in SQL and JSON.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Provider(_) => "provider",
            Self::Site(_) => "site",
            Self::Domain(_) => "domain",
            Self::Campaign(_) => "campaign",
            Self::Stream(_) => "stream",
            Self::Source(_) => "source",
            Self::CampaignAt(..) => "campaign-at-provider",
            Self::StreamAt(..) => "stream-at-provider",
        }
    }

    /// What of that kind; empty for everything.
    pub fn value(&self) -> Cow<'_, str> {
        match self {
            Self::All => "".into(),
            Self::Provider(provider) => provider.name().into(),
            Self::Domain(domain) => domain.as_str().into(),
            Self::Site(value)
            | Self::Campaign(value)
            | Self::Stream(value)
            | Self::Source(value) => value.into(),
            Self::CampaignAt(value, provider) | Self::StreamAt(value, provider) => {
                format!("{value}{AT}{}", provider.name()).into()
            }
        }
    }

    /// Reads what [`HoldOn::kind`] and [`HoldOn::value`] wrote; `None` for a kind or value that nobody knows.
    pub fn parse(kind: &str, value: &str) -> Option<Self> {
        let text = (!value.is_empty()).then(|| value.to_owned());
        match kind {
            "all" => Some(Self::All),
            "provider" => Provider::parse(value).map(Self::Provider),
            "site" => text.map(Self::Site),
            "domain" => Domain::parse(value).ok().map(Self::Domain),
            "campaign" => text.map(Self::Campaign),
            "stream" => text.map(Self::Stream),
            "source" => text.map(Self::Source),
            "campaign-at-provider" => at(value).map(|(name, at)| Self::CampaignAt(name, at)),
            "stream-at-provider" => at(value).map(|(name, at)| Self::StreamAt(name, at)),
            _ => None,
        }
    }
}

/// Between a name and a provider. A name may hold it too: the last one counts.
const AT: &str = " at ";

fn at(value: &str) -> Option<(String, Provider)> {
    let (name, provider) = value.rsplit_once(AT)?;
    let provider = Provider::parse(provider)?;
    (!name.is_empty()).then(|| (name.to_owned(), provider))
}

/// A hold in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its number.
    pub id: HoldId,
    /// What is held.
    pub on: HoldOn,
    /// Who laid it.
    pub author: String,
    /// Why, in words for colleagues.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// Until when a letter stays, because its reader is left alone now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// The end of the quiet hours, or of the letter's validity when that comes before.
    pub until: Timestamp,
    /// Whose hours, in words.
    pub why: String,
}

/// Why a letter is put aside without an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aside {
    /// A hold keeps it here.
    Hold(HoldId),
    /// Its reader's quiet hours do.
    Quiet(Quiet),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_reads_back_from_its_words() {
        let all = [
            HoldOn::All,
            HoldOn::Provider(Provider::Mailru),
            HoldOn::Site("mxs.mail.ru".to_owned()),
            HoldOn::Domain(Domain::parse("xn--d1acufc.xn--p1ai").unwrap()),
            HoldOn::Campaign("spring sale".to_owned()),
            HoldOn::Stream("marketing".to_owned()),
            HoldOn::CampaignAt("spring at sea at mailru".to_owned(), Provider::Google),
            HoldOn::StreamAt("marketing".to_owned(), Provider::Other),
        ];
        for on in all {
            assert_eq!(HoldOn::parse(on.kind(), &on.value()), Some(on.clone()));
        }
        for (kind, value) in [
            ("provider", "nobody"),
            ("site", ""),
            ("domain", "a b"),
            ("moon", "full"),
            ("campaign-at-provider", "spring"),
            ("campaign-at-provider", " at mailru"),
            ("stream-at-provider", "marketing at nobody"),
        ] {
            assert_eq!(HoldOn::parse(kind, value), None, "{kind} {value}");
        }
    }
}
