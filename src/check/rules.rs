//! Every rule, by name.
//!
//! Owns the list: a new rule is a new entry here, a broken set-up in `tests/check/broken.txt`, and a line in docs/check.md.
//! Promises: an id never changes its meaning.

use super::finding::{Level, Rule};

/// One line for each rule, and the list of all of them.
macro_rules! rules {
    ($($name:ident = $level:ident $id:literal, $whom:literal, $why:literal;)+) => {
        $(
            pub(super) static $name: Rule = Rule {
                id: $id,
                level: Level::$level,
                whom: $whom,
                why: $why,
            };
        )+

        /// All rules in the order of this file.
        pub static ALL: &[&Rule] = &[$(&$name),+];
    };
}

rules! {
    SPF_OK = Ok "spf.ok",
        "everybody; RFC 7208",
        "Every source may send for the return path.";
    SPF_MISSING = Failure "spf.missing",
        "Gmail, Yahoo, Outlook refuse bulk mail without SPF (sender guidelines 2024, 550 5.7.26, 550 5.7.515)",
        "Nobody can tell our letters from forgeries of the return path.";
    SPF_MULTIPLE = Failure "spf.multiple",
        "everybody; RFC 7208 §4.5 makes it a permanent error",
        "Receivers take neither of several records.";
    SPF_SYNTAX = Failure "spf.syntax",
        "everybody; RFC 7208 §4.6 makes it a permanent error",
        "One wrong term spoils the whole record.";
    SPF_INCLUDE = Failure "spf.include-missing",
        "everybody; RFC 7208 §5.2 makes it a permanent error",
        "An include of a name without a record spoils the whole record.";
    SPF_LOOKUPS = Failure "spf.too-many-lookups",
        "everybody; RFC 7208 §4.6.4 allows ten",
        "Beyond ten look-ups the record is a permanent error.";
    SPF_NEAR_LIMIT = Note "spf.near-limit",
        "everybody; RFC 7208 §4.6.4 allows ten",
        "The next include that a partner changes may break the record.";
    SPF_VOID = Failure "spf.void-lookups",
        "Gmail, Fastmail and others; RFC 7208 §4.6.4 allows two",
        "Terms that lead to nothing make the record a permanent error.";
    SPF_FAIL = Failure "spf.not-allowed",
        "Gmail, Yahoo, Outlook, Mail.ru, Yandex; RFC 7208 §8.4",
        "Letters from this source fail SPF.";
    SPF_TROUBLE = Warning "spf.no-answer",
        "everybody; RFC 7208 §2.6.6 makes it a temporary error",
        "While DNS does not answer, receivers defer or distrust letters.";
    SPF_OPEN = Failure "spf.allows-everybody",
        "Gmail, Outlook distrust +all; RFC 7208 §5.1",
        "The record says that the whole world sends for us.";
    SPF_ENDLESS = Warning "spf.no-end",
        "everybody; RFC 7208 §4.7 makes it neutral",
        "Forgeries get the same answer as letters from nowhere.";
    SPF_PTR = Warning "spf.ptr-mechanism",
        "RFC 7208 §5.5: ptr is slow, unreliable, not to be used",
        "Some receivers skip the term or fail the record.";
    SPF_UNALIGNED = Warning "spf.unaligned",
        "Gmail and Yahoo ask for alignment of both SPF and DKIM; RFC 7489 §3.1.2",
        "SPF of the return path does not count for From.";
    SPF_EHLO = Warning "spf.ehlo-fails",
        "Mail.ru, Outlook and others check EHLO; RFC 7208 §2.3",
        "Letters without a return path fail SPF.";
    DKIM_OK = Ok "dkim.ok",
        "everybody; RFC 6376",
        "DNS shows every key that signs.";
    DKIM_NO_KEY = Failure "dkim.no-key",
        "Gmail, Yahoo, Outlook, Mail.ru require DKIM of bulk senders",
        "Letters leave unsigned, or not at all.";
    DKIM_MISSING = Failure "dkim.missing",
        "Gmail, Yahoo, Outlook, Mail.ru require DKIM; RFC 6376 §6.1.2",
        "Nobody can verify the signature.";
    DKIM_MISMATCH = Failure "dkim.mismatch",
        "everybody; RFC 6376 §6.1.3",
        "Every signature fails.";
    DKIM_REVOKED = Failure "dkim.revoked",
        "everybody; RFC 6376 §3.6.1",
        "The record says that the key is not used any more.";
    DKIM_SYNTAX = Failure "dkim.syntax",
        "everybody; RFC 6376 §3.6.1",
        "The record cannot be read, so every signature fails.";
    DKIM_MULTIPLE = Failure "dkim.multiple",
        "everybody; RFC 6376 §3.6.2.2 leaves the result undefined",
        "Receivers take one of the records by chance.";
    DKIM_SPLIT = Failure "dkim.split",
        "everybody; RFC 6376 §3.6.2.2",
        "A long key must be several strings of one record, not several records.";
    DKIM_WEAK = Failure "dkim.weak",
        "everybody; RFC 8301 §3.2",
        "Keys below 1024 bits count as no key.";
    DKIM_SHORT = Failure "dkim.short",
        "Gmail and Yahoo recommend 2048 bits; RFC 8301 §3.2",
        "DNS shows an old short key, not the one that signs.";
    DKIM_HASH = Failure "dkim.hash",
        "everybody; RFC 6376 §3.6.1, RFC 8301 §3.1",
        "The record forbids sha256, with which we sign.";
    DKIM_SERVICE = Failure "dkim.service",
        "everybody; RFC 6376 §3.6.1",
        "The record forbids the key for mail.";
    DKIM_TESTING = Warning "dkim.testing",
        "RFC 6376 §3.6.1: receivers may treat the letter as unsigned",
        "The record says that the domain only tries DKIM out.";
    DKIM_TROUBLE = Warning "dkim.no-answer",
        "everybody; RFC 6376 §6.1.2",
        "While DNS does not answer, signatures cannot be verified.";
    DKIM_OLD = Warning "dkim.old",
        "M3AAWG DKIM Key Rotation Best Common Practices",
        "The longer a key is in use, the longer a stolen one is.";
    DKIM_NEXT = Note "dkim.next-missing",
        "nobody yet; the next key signs only when DNS shows it",
        "The rotation waits.";
    DKIM_REVOKE = Note "dkim.revoke-due",
        "M3AAWG DKIM Key Rotation Best Common Practices",
        "A key that signs no more can still be used by whoever stole it.";
    DKIM_EARLY = Warning "dkim.retired-early",
        "everybody; RFC 6376 §3.6.1",
        "Letters still on their way cannot be verified.";
    DMARC_OK = Ok "dmarc.ok",
        "everybody; RFC 7489",
        "A policy is published and our letters pass it.";
    DMARC_MISSING = Failure "dmarc.missing",
        "Gmail, Yahoo, Outlook (550 5.7.515), iCloud require a policy of bulk senders",
        "Bulk mail without a policy is refused or junked.";
    DMARC_MULTIPLE = Failure "dmarc.multiple",
        "everybody; RFC 7489 §6.6.3",
        "Several records count as none.";
    DMARC_SYNTAX = Failure "dmarc.syntax",
        "everybody; RFC 7489 §6.3",
        "A record that cannot be read counts as none.";
    DMARC_MISPLACED = Warning "dmarc.misplaced",
        "everybody; RFC 7489 §6.1",
        "Nobody looks for the policy at the domain itself.";
    DMARC_MONITOR = Note "dmarc.monitoring",
        "Outlook recommends p=reject; brand logos need p=quarantine at least",
        "Forgeries are reported, not stopped.";
    DMARC_SUBDOMAINS = Note "dmarc.subdomains-weaker",
        "RFC 7489 §6.3",
        "Forgeries move to subdomains.";
    DMARC_PART = Note "dmarc.part",
        "RFC 7489 §6.6.4; RFC 9989 has no pct any more",
        "The policy holds for a part of the forgeries only.";
    DMARC_NO_REPORTS = Warning "dmarc.no-reports",
        "Yahoo strongly recommends rua; RFC 7489 §7.2",
        "Nobody learns which letters fail.";
    DMARC_UNAUTHORISED = Warning "dmarc.rua-unauthorised",
        "everybody; RFC 7489 §7.1",
        "Reports to a foreign domain are not sent unless it agrees.";
    DMARC_UNREACHABLE = Warning "dmarc.rua-unreachable",
        "everybody; RFC 7489 §7.2",
        "Reports have nowhere to go.";
    DMARC_STRICT_DKIM = Failure "dmarc.strict-dkim",
        "Gmail, Yahoo, Outlook; RFC 7489 §3.1.1",
        "Our signatures do not count for From.";
    DMARC_STRICT_SPF = Warning "dmarc.strict-spf",
        "Gmail, Yahoo, Outlook; RFC 7489 §3.1.2",
        "SPF does not count for From; only DKIM is left.";
    DMARC_FAILS = Failure "dmarc.fails",
        "Gmail, Yahoo, Outlook (550 5.7.515); RFC 7489 §6.6.2",
        "Letters fail DMARC and are refused or junked by its policy.";
    DMARC_TROUBLE = Warning "dmarc.no-answer",
        "everybody; RFC 7489 §6.6.3",
        "While DNS does not answer, receivers defer or distrust letters.";
    SOURCE_NONE = Warning "source.unknown",
        "Gmail, Yahoo, Outlook, Mail.ru, Yandex check the address of every letter",
        "SPF, names and block lists of an unknown address cannot be checked.";
    SOURCE_PRIVATE = Failure "source.private",
        "nobody outside of the network sees that address",
        "What receivers see instead cannot be checked.";
    PTR_OK = Ok "ptr.ok",
        "everybody; RFC 1912 §2.1",
        "The address has a name that leads back to it.";
    PTR_MISSING = Failure "ptr.missing",
        "Gmail (550 5.7.25), Yahoo, Outlook, GMX, Mail.ru, Yandex require a PTR record",
        "Letters from an address without a name are refused.";
    PTR_UNCONFIRMED = Failure "ptr.unconfirmed",
        "Gmail (550 5.7.25), Yahoo, GMX require that the name leads back",
        "Letters are refused or junked.";
    PTR_SEVERAL = Note "ptr.several",
        "RFC 1912 §2.1",
        "Receivers look at one of the names, by chance.";
    PTR_GENERIC = Warning "ptr.generic",
        "Yahoo asks for a meaningful name, Outlook and GMX refuse dynamic ones",
        "The name looks like that of a home connection.";
    PTR_EHLO = Warning "ptr.ehlo-differs",
        "Mail.ru, GMX and many filters compare both",
        "The machine calls itself otherwise than DNS does.";
    PTR_TROUBLE = Warning "ptr.no-answer",
        "Gmail (421 4.7.0), Yahoo, Outlook",
        "While DNS does not answer, letters are deferred.";
    EHLO_NO_ADDRESS = Failure "ehlo.no-address",
        "RFC 5321 §4.1.1.1; GMX, Mail.ru refuse a name that does not exist",
        "The name in EHLO does not exist.";
    EHLO_ELSEWHERE = Warning "ehlo.elsewhere",
        "RFC 5321 §4.1.1.1; many filters",
        "The name in EHLO leads to another machine.";
    DOMAIN_OK = Ok "domain.ok",
        "Yahoo",
        "The domain exists and has a start of authority.";
    DOMAIN_AUTHORITY = Failure "domain.no-authority",
        "Yahoo refuses From and return path domains without an SOA record",
        "The zone is not set up or not delegated.";
    DOMAIN_TROUBLE = Warning "domain.no-answer",
        "everybody; RFC 5321 §5.1",
        "While its name servers fail, letters are deferred.";
    FROM_NULL_MX = Failure "from.null-mx",
        "Yahoo and others refuse a From domain that takes no mail; RFC 7505 §4.2",
        "The domain says that it takes no mail.";
    FROM_NO_REPLIES = Note "from.no-replies",
        "Outlook asks that From or Reply-To takes replies",
        "Replies of readers bounce.";
    DOOR_OK = Ok "mx.ok",
        "we ourselves",
        "The domain's mail leads to our listener.";
    MX_MISSING = Failure "mx.missing",
        "we ourselves; Yahoo and others refuse a return path that takes no mail",
        "Bounces, complaints and unsubscribe letters are lost.";
    MX_NULL = Failure "mx.null",
        "Yahoo and others; RFC 7505 §4.2",
        "The domain says that it takes no mail.";
    MX_IMPLICIT = Warning "mx.implicit",
        "RFC 5321 §5.1; some receivers want an MX record",
        "Bounces arrive only where senders try the address itself.";
    MX_ALIAS = Warning "mx.alias",
        "RFC 5321 §5.1, RFC 2181 §10.3",
        "Some senders do not follow an alias behind an MX record.";
    MX_LITERAL = Failure "mx.address",
        "RFC 1035 §3.3.9",
        "An MX record names a host, never an address.";
    MX_DANGLING = Failure "mx.no-address",
        "we ourselves; RFC 5321 §5.1",
        "Bounces, complaints and unsubscribe letters are lost.";
    MX_TROUBLE = Warning "mx.no-answer",
        "we ourselves; RFC 5321 §5.1",
        "While DNS does not answer, what comes back is late.";
    DOOR_SILENT = Failure "mx.nobody-listens",
        "we ourselves",
        "Bounces, complaints and unsubscribe letters are lost.";
    DOOR_FOREIGN = Failure "mx.not-ours",
        "we ourselves",
        "What comes back ends with somebody who does not know our tokens.";
    TRANSPORT_OK = Ok "transport.ok",
        "RFC 8461, RFC 8460",
        "Nothing stands in the way of encryption.";
    STS_SYNTAX = Warning "mta-sts.syntax",
        "Gmail, Outlook, Yahoo; RFC 8461 §3.1",
        "A record that cannot be read counts as none.";
    STS_UNREACHABLE = Warning "mta-sts.unreachable",
        "Gmail, Outlook, Yahoo; RFC 8461 §3.3",
        "The record promises a policy that nobody can get.";
    STS_POLICY = Warning "mta-sts.policy",
        "Gmail, Outlook, Yahoo; RFC 8461 §3.2",
        "A policy that cannot be read counts as none.";
    STS_MX = Failure "mta-sts.mx",
        "Gmail, Outlook, Yahoo; RFC 8461 §5",
        "Bounces are not delivered to a host that the policy does not name.";
    TLS_REPORTS_MISSING = Note "tls-rpt.missing",
        "RFC 8460 §3",
        "Nobody tells us when encryption on the way to us fails.";
    TLS_REPORTS_SYNTAX = Warning "tls-rpt.syntax",
        "RFC 8460 §3",
        "A record that cannot be read counts as none.";
    BIMI_SYNTAX = Warning "bimi.syntax",
        "Gmail, Yahoo, iCloud; draft-brand-indicators-for-message-identification",
        "The logo is not shown.";
    BIMI_POLICY = Warning "bimi.policy",
        "Gmail, Yahoo, iCloud require p=quarantine or p=reject",
        "The logo is not shown.";
    ONE_CLICK_OK = Ok "one-click.ok",
        "Gmail, Yahoo; RFC 8058",
        "The address answers and obeys.";
    ONE_CLICK_UNREACHABLE = Failure "one-click.unreachable",
        "Gmail, Yahoo require a working one-click address; RFC 8058 §3.1",
        "Readers who cannot leave complain instead.";
    ONE_CLICK_HOST = Failure "one-click.no-host",
        "Gmail, Yahoo require a working one-click address; RFC 8058 §3.1",
        "The host of the address does not exist.";
    ONE_CLICK_REDIRECT = Failure "one-click.redirect",
        "Gmail, Yahoo; RFC 8058 §3.1 forbids redirects",
        "Receivers do not follow; nobody is unsubscribed.";
    ONE_CLICK_FOREIGN = Failure "one-click.not-ours",
        "Gmail, Yahoo; RFC 8058 §3.1",
        "Somebody answers who does not know our tokens.";
    ONE_CLICK_REFUSED = Failure "one-click.refused",
        "Gmail, Yahoo; RFC 8058 §3.1",
        "The request of a reader's mailbox provider is turned away.";
    ONE_CLICK_PAGE = Warning "one-click.no-page",
        "RFC 8058 §3.2; iCloud and Mail.ru open the address",
        "Readers who open the address see an error.";
    CERTIFICATE_EXPIRED = Failure "certificate.expired",
        "Gmail, Yahoo; RFC 8058 §3.1 wants https",
        "No machine and no browser opens the address.";
    CERTIFICATE_DISTRUSTED = Failure "certificate.distrusted",
        "Gmail, Yahoo; RFC 8058 §3.1 wants https",
        "No machine and no browser opens the address.";
    CERTIFICATE_ENDS = Warning "certificate.ends-soon",
        "Gmail, Yahoo; RFC 8058 §3.1 wants https",
        "Soon no machine and no browser opens the address.";
    LISTS_OK = Ok "list.ok",
        "everybody",
        "No block list that was asked names us.";
    LIST_ADDRESS = Failure "list.address",
        "Yahoo, Outlook, GMX, iCloud and most companies ask block lists",
        "Letters from this address are refused or junked.";
    LIST_DOMAIN = Failure "list.domain",
        "Yahoo, GMX, iCloud and most companies ask block lists",
        "Letters that name this domain are refused or junked.";
    LIST_RESOLVER = Note "list.wrong-resolver",
        "only this check",
        "The list refuses big public resolvers, so nobody knows whether we are listed.";
    LIST_SILENT = Note "list.no-answer",
        "only this check",
        "Nobody knows whether we are listed.";
    LIST_BROKEN = Note "list.broken",
        "only this check",
        "The list is dead or taken over; its answers mean nothing.";
    CLOCK_OK = Ok "clock.ok",
        "everybody",
        "Our clock agrees with the world.";
    CLOCK_DRIFTS = Warning "clock.drifts",
        "everybody; RFC 5322 §3.6.1",
        "Nothing keeps this machine's clock.";
    CLOCK_WRONG = Failure "clock.wrong",
        "Yahoo and others refuse letters from the future; RFC 6376 §3.5",
        "Dates and signatures are not believed.";
    CLOCK_UNKNOWN = Note "clock.unknown",
        "only this check",
        "Nobody knows whether our clock is right.";
}
