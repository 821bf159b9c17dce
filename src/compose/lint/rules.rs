//! The rules of a letter, by name.
//!
//! Owns the list. Promises: an id never changes its meaning; each rule has a letter in the tests that breaks it.

/// What a gate does with a letter that breaks the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// Lets it pass, and says so.
    Warn,
    /// Grave: the letter should not leave like this.
    Refuse,
}

/// A rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, for ever.
    pub id: &'static str,
    /// How grave it is.
    pub gravity: Gravity,
    /// Who says so.
    pub source: &'static str,
    /// What happens.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// A rule that a letter breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The rule.
    pub rule: &'static Rule,
    /// What was seen, clipped.
    pub found: String,
}

impl Gravity {
    /// The word of reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }
}

/// Ends of names that receivers take for malware.
pub(super) const DANGEROUS: [&str; 14] = [
    "exe", "scr", "com", "bat", "cmd", "js", "jse", "vbs", "vbe", "wsf", "msi", "jar", "lnk", "hta",
];

macro_rules! rules {
    ($($name:ident = $gravity:ident $id:literal, $source:literal, $why:literal, $fix:literal;)+) => {
        $(
            pub(super) static $name: Rule = Rule {
                id: $id,
                gravity: Gravity::$gravity,
                source: $source,
                why: $why,
                fix: $fix,
            };
        )+

        /// All rules in the order of this file.
        pub static ALL: &[&Rule] = &[$(&$name),+];
    };
}

rules! {
    NO_MESSAGE = Refuse "message.unreadable",
        "RFC 5322 §2.1",
        "Nobody can read it.",
        "send a message with a header";
    CLIPPED = Warn "size.clipped",
        "Gmail clips HTML beyond 102 KB",
        "The end, often with the unsubscribe link and the counting image, is hidden behind \"view entire message\".",
        "shorten the HTML; take styles and comments out";
    LONG_LINE = Refuse "line.too-long",
        "RFC 5322 §2.1.1",
        "Servers cut or refuse lines beyond 998 octets, and the signature breaks.",
        "let the composer write the message, or encode the part as quoted-printable";
    HEADER_COUNT = Refuse "header.count",
        "RFC 5322 §3.6; Yahoo and Gmail refuse missing and repeated fields",
        "The letter is refused or junked.",
        "give From, Date and Message-ID exactly once, Subject at most once";
    ATTACHMENT = Refuse "attachment.dangerous",
        "Gmail, Yandex and Mail.ru refuse such attachments",
        "The letter is refused as malware.",
        "link to a download page instead";
    EMPTY = Warn "body.empty",
        "spam filters score empty letters",
        "The letter says nothing.",
        "give a text or HTML part";
    SUBJECT_EMPTY = Warn "subject.empty",
        "RFC 5322 §3.6.5; spam filters",
        "Readers and filters distrust a letter without a subject.",
        "give a subject";
    SUBJECT_LONG = Warn "subject.long",
        "mailbox programs show 40 to 70 characters",
        "The end of the subject is not seen.",
        "say it in 70 characters";
    SUBJECT_REPLY = Refuse "subject.fake-reply",
        "Gmail sender guidelines forbid Re: and Fwd: on new letters; 16 CFR 316, CAN-SPAM",
        "The letter pretends to be an answer.",
        "take Re: or Fwd: away";
    SUBJECT_SHOUTS = Warn "subject.shouts",
        "spam filters score capitals",
        "The subject reads as shouting.",
        "write it in normal letters";
    FROM_COUNT = Refuse "from.count",
        "Gmail sender guidelines: exactly one address in From; RFC 5322 §3.6.2",
        "The letter is refused.",
        "name one author";
    NAME_ADDRESS = Refuse "from.name-address",
        "Gmail sender guidelines forbid display names that deceive",
        "The display name pretends to be another address.",
        "write a name, not an address";
    NAME_EMOJI = Warn "from.name-picture",
        "Gmail sender guidelines forbid emoji and symbols in display names",
        "Pictures in the name imitate verified senders.",
        "write the name in letters";
    NAME_READER = Warn "from.name-reader",
        "Gmail sender guidelines forbid the reader's name in From",
        "The letter pretends to come from the reader.",
        "write your own name";
    SIGNER_UNALIGNED = Refuse "align.signer",
        "Gmail, Yahoo, Outlook; RFC 7489 §3.1.1",
        "DKIM does not count for From.",
        "make a key for the From domain: `postrider dkim new`";
    PATH_UNALIGNED = Warn "align.return-path",
        "Gmail and Yahoo ask for both; RFC 7489 §3.1.2",
        "SPF does not count for From.",
        "set identity.return_path_domain below the From domain";
    VARIABLE_OPEN = Refuse "variable.open",
        "readers",
        "A variable was not filled in.",
        "give the variable, or mend its name in the template";
    VARIABLE_EMPTY = Warn "variable.empty",
        "readers",
        "A variable was filled with nothing.",
        "give the variable, or let the template do without it";
    WRONG_LOCALE = Warn "locale.wrong",
        "readers; spam filters compare languages",
        "The letter is not in the reader's language.",
        "add the locale to the template, or send the right one";
    NO_TEXT = Warn "text.missing",
        "spam filters score HTML alone; RFC 2046 §5.1.4",
        "Watches, screen readers and filters see nothing.",
        "add text.txt to the template";
    TEXT_DIFFERS = Warn "text.differs",
        "spam filters compare both parts; RFC 2046 §5.1.4",
        "The text part says something else than the HTML.",
        "write the same in both";
    IMAGE_ONLY = Warn "image.only",
        "spam filters score images without words",
        "Where images are blocked the letter is empty.",
        "say the main thing in words";
    IMAGE_ALT = Warn "image.alt",
        "mailbox programs block images at first; WCAG 1.1.1",
        "Readers see an empty box.",
        "give every image an alt text; alt=\"\" for ornaments";
    IMAGE_DATA = Warn "image.data",
        "Gmail and Outlook do not show data: images",
        "Readers see an empty box.",
        "attach the image and name it by cid:, or put it on https";
    IMAGE_HTTP = Warn "image.http",
        "Gmail and Apple warn of mixed content",
        "The image is fetched in clear or not at all.",
        "use https";
    LINK_HTTP = Warn "link.http",
        "browsers warn; filters score it",
        "The link leads through an unprotected page.",
        "use https";
    LINK_BROKEN = Refuse "link.broken",
        "readers; filters score it",
        "The link leads nowhere.",
        "write a whole https address";
    LINK_DESK = Refuse "link.desk",
        "readers",
        "The link works on a developer's desk only.",
        "use the public address";
    LINK_ADDRESS = Warn "link.ip",
        "spam filters take it for phishing",
        "The link names an IP address.",
        "use a host name";
    LINK_SHORTENER = Warn "link.shortener",
        "Spamhaus and SURBL list shorteners; Gmail sender guidelines",
        "The link hides where it leads.",
        "link to your own domain";
    LINK_LIES = Refuse "link.lies",
        "spam filters take it for phishing",
        "The link shows one address and leads to another.",
        "show words, or the address it leads to";
    ACTIVE = Warn "html.active",
        "mailbox programs remove it; filters score it",
        "Scripts, forms and players do not work in mail.",
        "link to a page instead";
    STYLE_SHEET = Warn "html.style-sheet",
        "Gmail and Outlook do not load style sheets",
        "The letter looks unstyled.",
        "put styles into the elements";
    ONE_CLICK_MISSING = Refuse "one-click.missing",
        "Gmail and Yahoo require RFC 8058 of bulk mail",
        "Readers who cannot leave complain.",
        "let the stream set both fields: `unsubscribe = true`";
    ONE_CLICK_HTTP = Refuse "one-click.http",
        "RFC 8058 §3.1",
        "One-click needs https.",
        "use https";
    ONE_CLICK_UNSIGNED = Refuse "one-click.unsigned",
        "RFC 8058 §4",
        "Receivers ignore fields that no signature covers.",
        "sign List-Unsubscribe and List-Unsubscribe-Post";
    NO_VISIBLE_LINK = Warn "unsubscribe.no-link",
        "Gmail, Yahoo, Mail.ru and the law ask for a visible link",
        "Readers who do not see a way out complain.",
        "put a link with the word into the letter: the unsubscribe address";
}
