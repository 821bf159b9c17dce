//! The mailbox operators we know by name, recognised by where their MX hosts live, not by the recipient's domain.

/// A mailbox operator. Hosted domains count to the operator of their MX (DELIVERABILITY facts: classify by MX suffix).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// Gmail and Google Workspace.
    Google,
    /// Yahoo and AOL.
    Yahoo,
    /// Outlook.com consumer mailboxes.
    Outlook,
    /// Microsoft 365 organisations.
    Office365,
    /// iCloud.
    Apple,
    /// GMX and Web.de.
    Gmx,
    /// Mail.ru with bk.ru, list.ru, inbox.ru and hosted domains.
    Mailru,
    /// Yandex and Yandex 360.
    Yandex,
    /// Rambler.
    Rambler,
    /// Everybody else.
    Other,
}

/// MX host suffixes, the longest match being the only one: no suffix here ends another.
const MX_SUFFIXES: [(&str, Provider); 13] = [
    (".google.com", Provider::Google),
    (".googlemail.com", Provider::Google),
    (".yahoodns.net", Provider::Yahoo),
    (".olc.protection.outlook.com", Provider::Outlook),
    (".mail.protection.outlook.com", Provider::Office365),
    (".mx.microsoft", Provider::Office365),
    (".icloud.com", Provider::Apple),
    (".gmx.net", Provider::Gmx),
    (".web.de", Provider::Gmx),
    (".mail.ru", Provider::Mailru),
    (".yandex.ru", Provider::Yandex),
    (".yandex.net", Provider::Yandex),
    (".rambler.ru", Provider::Rambler),
];

impl Provider {
    /// Every provider, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Google,
        Self::Yahoo,
        Self::Outlook,
        Self::Office365,
        Self::Apple,
        Self::Gmx,
        Self::Mailru,
        Self::Yandex,
        Self::Rambler,
        Self::Other,
    ];

    /// The operator behind an MX host name in lower case.
    pub fn of_mx(host: &str) -> Self {
        MX_SUFFIXES
            .iter()
            .find(|(suffix, _)| host.ends_with(suffix))
            .map_or(Self::Other, |(_, provider)| *provider)
    }

    /// The word used in SQL, JSON, metrics and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Yahoo => "yahoo",
            Self::Outlook => "outlook",
            Self::Office365 => "office365",
            Self::Apple => "apple",
            Self::Gmx => "gmx",
            Self::Mailru => "mailru",
            Self::Yandex => "yandex",
            Self::Rambler => "rambler",
            Self::Other => "other",
        }
    }

    /// The provider of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosted_domains_count_to_the_operator_of_their_mx() {
        assert_eq!(Provider::of_mx("aspmx.l.google.com"), Provider::Google);
        assert_eq!(Provider::of_mx("mxs.mail.ru"), Provider::Mailru);
        assert_eq!(Provider::of_mx("mx.yandex.net"), Provider::Yandex);
        assert_eq!(
            Provider::of_mx("hotmail-com.olc.protection.outlook.com"),
            Provider::Outlook
        );
        assert_eq!(
            Provider::of_mx("supl-biz.mail.protection.outlook.com"),
            Provider::Office365
        );
        assert_eq!(Provider::of_mx("mail.ru.attacker.example"), Provider::Other);
        assert_eq!(Provider::of_mx("notmail.ru"), Provider::Other);
    }

    #[test]
    fn no_suffix_hides_another() {
        for (i, (suffix, _)) in MX_SUFFIXES.iter().enumerate() {
            for (other, _) in &MX_SUFFIXES[i + 1..] {
                assert!(!suffix.ends_with(other), "{suffix} ends with {other}");
                assert!(!other.ends_with(suffix), "{other} ends with {suffix}");
            }
        }
    }
}
