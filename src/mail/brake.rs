//! What a brake looks at: how the letters of one campaign fared at one provider.
//!
//! Owns [`Figures`] and the words for what is measured. Leaves counting to the store and judging to `policy::brake`.

/// Letters of one campaign, or of one stream outside campaigns, at one provider, since counting began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Letters that the provider took or refused for good, or refused for their content.
    pub answered: u64,
    /// Letters that it took.
    pub delivered: u64,
    /// Readers who complained.
    pub complaints: u64,
    /// Letters to mailboxes or domains that are not there.
    pub hard_bounces: u64,
    /// Letters refused for their content.
    pub spam: u64,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Complaints among the letters delivered.
    Complaints,
    /// Hard bounces among the letters answered.
    HardBounces,
    /// Refusals for the content among the letters answered.
    Spam,
}

/// How hard a brake grips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BrakeLevel {
    /// Somebody should look.
    Warn,
    /// Nothing more is sent there until a person says so.
    Stop,
}

impl Measure {
    /// Every measure, in the order of reports.
    pub const ALL: [Self; 3] = [Self::Complaints, Self::HardBounces, Self::Spam];

    /// The word used in SQL, JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complaints => "complaints",
            Self::HardBounces => "hard-bounces",
            Self::Spam => "spam",
        }
    }

    /// The measure of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// How many, and among how many.
    pub const fn of(self, figures: &Figures) -> (u64, u64) {
        match self {
            Self::Complaints => (figures.complaints, figures.delivered),
            Self::HardBounces => (figures.hard_bounces, figures.answered),
            Self::Spam => (figures.spam, figures.answered),
        }
    }
}

impl BrakeLevel {
    /// The word used in SQL, JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Stop => "stop",
        }
    }

    /// The level of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Warn, Self::Stop]
            .into_iter()
            .find(|level| level.name() == name)
    }
}
