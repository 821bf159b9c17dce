//! The gate: what a stream does about the flaws of its letters.
//!
//! Owns [`Gate`] and the two looks: at a letter that is about to leave, and at one that is about to be enqueued. Promises: both look
//! with the same rules; pure; a gate that is off costs one comparison. Leaves the letter's fate to `policy::judge`.

use super::{Draft, Flaw, Gravity, lint};
use crate::{
    compose::{Composed, Identity, Style, TemplateSet, compose},
    mail::{Letter, Timestamp, Unsendable},
};

/// The field that a refusal by the gate names.
pub const FIELD: &str = "lint";

/// What a stream does about flaws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    /// Nobody looks.
    #[default]
    Off,
    /// Flaws are told and counted; the letter goes.
    Warn,
    /// A letter with a grave flaw does not go; other flaws are told and counted.
    Refuse,
}

/// What the gate says of a letter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Why it does not go.
    pub refused: Option<Unsendable>,
    /// The ids of the rules that it breaks.
    pub rules: Vec<&'static str>,
}

impl Gate {
    /// Looks at a letter as it leaves, signed.
    pub fn look(
        self,
        message: &[u8],
        composed: &Composed,
        letter: &Letter,
        style: &Style,
    ) -> Looked {
        if self == Self::Off {
            return Looked::default();
        }
        let flaws = lint(&Draft {
            message,
            wants_unsubscribe: style.unsubscribe,
            return_path: composed
                .return_path()
                .rsplit_once('@')
                .map(|(_, domain)| domain),
            // The keyring signs with a key of the From domain or of a parent, or not at all.
            signer: None,
            locale: letter.to.locale.as_deref(),
        });
        self.weigh(&flaws)
    }

    /// Looks at a letter before it is enqueued: writes it as if it left at `now`. What cannot be written is refused here with the
    /// words that it would fail with.
    pub fn try_out(
        self,
        letter: &Letter,
        style: &Style,
        identity: &Identity,
        templates: &TemplateSet,
        now: Timestamp,
    ) -> Looked {
        if self == Self::Off {
            return Looked::default();
        }
        match compose(letter, style, identity, templates, now) {
            Ok(composed) => self.look(composed.message(), &composed, letter, style),
            Err(fault) => Looked {
                refused: (self == Self::Refuse).then_some(fault),
                rules: Vec::new(),
            },
        }
    }

    fn weigh(self, flaws: &[Flaw]) -> Looked {
        let grave = flaws
            .iter()
            .filter(|flaw| flaw.rule.gravity == Gravity::Refuse);
        let grave: Vec<String> = grave
            .map(|flaw| format!("{} ({})", flaw.rule.id, flaw.found))
            .collect();
        let is_refused = self == Self::Refuse && !grave.is_empty();
        Looked {
            refused: is_refused.then(|| Unsendable::new(FIELD, grave.join(", "))),
            rules: flaws.iter().map(|flaw| flaw.rule.id).collect(),
        }
    }
}
