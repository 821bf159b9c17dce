//! One simulated mailbox provider: what it decides about guests, recipients and letters.
//!
//! Owns the decisions, from temper, memory and seed. Promises: asks no clock and no network; every refusal is counted
//! where it is made. Leaves words to `dialect`, the order of commands to `session`.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::time::Instant;

use super::{
    chance::draw,
    dialect::{Dialect, Refusal, Saying, saying},
    memory::Memory,
    plan::{ProviderPlan, Verify},
    tally::{Envelope, Ledger},
    temper::{Cut, Mailbox, Temper},
    verify::Inspector,
    witness::{Taken, Witness},
};
use crate::mail::Stage;

/// Where a provider writes down what it saw.
#[derive(Clone)]
pub(super) struct Books {
    pub(super) ledger: Arc<Ledger>,
    pub(super) inspector: Arc<Inspector>,
    pub(super) witness: Arc<dyn Witness>,
}

/// A provider while it works.
pub(super) struct Provider {
    place: u16,
    seed: u64,
    dialect: Dialect,
    temper: Temper,
    domains: HashSet<String>,
    memory: Mutex<Memory>,
    books: Books,
    /// Letters taken so far, for their queue ids.
    taken: AtomicU64,
    verify: Verify,
    /// Whether addresses in UTF-8 are taken (RFC 6531).
    pub(super) smtputf8: bool,
    /// Whether letters are taken in chunks.
    pub(super) chunking: bool,
}

impl Provider {
    /// A provider as planned; `place` is its place in the tally.
    pub(super) fn new(
        place: u16,
        seed: u64,
        plan: &ProviderPlan,
        verify: Verify,
        books: Books,
    ) -> Self {
        let domains = plan.sites.iter().flat_map(|site| site.domains.clone());
        Self {
            place,
            // Providers of one small internet decide independently of each other.
            seed: draw(seed, "provider", &[&plan.name]),
            dialect: plan.dialect,
            temper: plan.temper.clone(),
            domains: domains.collect(),
            memory: Mutex::default(),
            books,
            taken: AtomicU64::new(0),
            verify,
            smtputf8: plan.smtputf8,
            chunking: plan.takes_chunks(),
        }
    }

    /// The provider's ways.
    pub(super) const fn temper(&self) -> &Temper {
        &self.temper
    }

    /// Lets a source in, or says why not.
    pub(super) fn welcome(&self, source: IpAddr) -> Option<Saying> {
        self.books.ledger.connected(self.place);
        if self.memory().connect(source, self.temper.connections_max) {
            return None;
        }
        self.books.ledger.disconnected(self.place);
        let saying = self.words(Refusal::TooManyConnections, 0);
        self.books.ledger.turned_away(self.place, &saying);
        Some(saying)
    }

    /// Sees a source off.
    pub(super) fn farewell(&self, source: IpAddr) {
        self.memory().disconnect(source);
        self.books.ledger.disconnected(self.place);
    }

    /// Notes that a connection went on under TLS.
    pub(super) fn secured(&self) {
        self.books.ledger.secured(self.place);
    }

    /// Takes another letter on a connection that brought `letters` before, or says why not.
    pub(super) fn sender(&self, letters: u32) -> Option<Saying> {
        let is_over = letters >= self.temper.letters_per_connection;
        let saying = is_over.then(|| self.words(Refusal::TooManyLetters, 0))?;
        self.books.ledger.turned_away(self.place, &saying);
        Some(saying)
    }

    /// Takes a recipient, or says why not.
    pub(super) fn recipient(
        &self,
        source: IpAddr,
        envelope: &Envelope,
        now: Instant,
    ) -> Option<Saying> {
        self.books.ledger.attempted(self.place, envelope);
        let saying = self.recipient_refusal(source, envelope, now)?;
        self.refuse(std::slice::from_ref(envelope), &saying);
        Some(saying)
    }

    fn recipient_refusal(
        &self,
        source: IpAddr,
        envelope: &Envelope,
        now: Instant,
    ) -> Option<Saying> {
        let recipient = envelope.recipient.as_str();
        let domain = recipient.rsplit('@').next().unwrap_or_default();
        if !self.domains.contains(&domain.to_ascii_lowercase()) {
            return Some(self.words(Refusal::Foreign, 0));
        }
        if let Some(rate) = &self.temper.rate
            && !self.memory().take_token(source, rate, now)
        {
            let pick = draw(self.seed, "rate", &[&envelope.return_path, recipient]);
            return Some(self.words(Refusal::RateLimited, pick));
        }
        if let Some(window) = &self.temper.window
            && !self.memory().fits_minute(source, window, now)
        {
            return Some(self.words(Refusal::RateLimited, 0));
        }
        let unfit = self.mailbox_refusal(recipient, Stage::RcptTo);
        if unfit.is_some() {
            return unfit;
        }
        let delay = self.temper.greylist_delay(self.seed, recipient)?;
        let source = source.to_string();
        let words = [source.as_str(), &envelope.return_path, recipient];
        let triple = draw(self.seed, "triple", &words);
        let has_waited = self.memory().has_waited(triple, delay, now);
        (!has_waited).then(|| self.words(Refusal::Greylisted, 0))
    }

    /// What is said about the mailbox at this step; the provider's dialect knows at which one it speaks.
    fn mailbox_refusal(&self, recipient: &str, stage: Stage) -> Option<Saying> {
        let refusal = match self.temper.mailbox(self.seed, recipient) {
            Mailbox::Good => return None,
            Mailbox::Unknown => Refusal::UnknownUser,
            Mailbox::Disabled => Refusal::Disabled,
            Mailbox::Full => Refusal::Full,
        };
        let saying = self.words(refusal, draw(self.seed, "wording", &[recipient]));
        if saying.stage != stage {
            return None;
        }
        let key = draw(self.seed, "full", &[recipient]);
        let has_room =
            refusal == Refusal::Full && !self.memory().is_still_full(key, self.temper.tidy_after);
        (!has_room).then_some(saying)
    }

    /// Whether this letter's line is cut now; at most once per letter.
    pub(super) fn cut(&self, envelope: &Envelope, is_after_dot: bool) -> Option<Cut> {
        let (return_path, recipient) = (&envelope.return_path, &envelope.recipient);
        let place = self.temper.cut(self.seed, recipient)?;
        if (place == Cut::MidLetter) == is_after_dot {
            return None;
        }
        let letter = draw(self.seed, "cut", &[return_path, recipient]);
        let is_first = self.memory().cuts_first_time(letter);
        is_first.then(|| self.books.ledger.cut(self.place, place))?;
        Some(place)
    }

    /// What is said against a letter after its final dot, if anything.
    pub(super) fn objection(&self, envelope: &Envelope) -> Option<Saying> {
        let recipient = &envelope.recipient;
        let unfit = self.mailbox_refusal(recipient, Stage::FinalDot);
        if unfit.is_some() {
            return unfit;
        }
        let is_spam = self.temper.is_spam(self.seed, recipient);
        is_spam.then(|| self.words(Refusal::Spam, 0))
    }

    /// Counts a refusal for every recipient.
    pub(super) fn refuse(&self, envelopes: &[Envelope], saying: &Saying) {
        for envelope in envelopes {
            self.books.witness.refused(envelope, saying);
            self.books.ledger.refused(self.place, envelope, saying);
        }
    }

    /// A letter larger than the host takes.
    pub(super) fn too_big(&self) -> Saying {
        self.words(Refusal::TooBig, 0)
    }

    /// Takes a letter and gives its queue id; `code` is 0 when its sender will not be told.
    pub(super) async fn accept(&self, envelopes: &[Envelope], raw: &[u8], code: u16) -> String {
        let inspection = match self.verify {
            Verify::None => None,
            Verify::Sample(one_in) if !is_sampled(self.seed, envelopes, one_in) => None,
            Verify::All | Verify::Sample(_) => Some(self.books.inspector.inspect(raw).await),
        };
        let message_id = inspection
            .as_ref()
            .map_or_else(|| quick_message_id(raw), |seen| seen.message_id.clone());
        let findings = inspection.map(|seen| seen.findings);
        let queue_id = self.queue_id();
        for envelope in envelopes {
            self.books.witness.took(&Taken {
                queue_id: &queue_id,
                envelope,
                raw,
                findings: findings.as_deref().unwrap_or_default(),
            });
            self.books
                .ledger
                .accepted(self.place, envelope, message_id.as_deref(), code);
        }
        if let Some(findings) = findings {
            self.books.ledger.inspected(message_id.as_deref(), findings);
        }
        queue_id
    }

    /// Names what was taken, as hosts do, so that a dispute about a letter has something to point at.
    fn queue_id(&self) -> String {
        let number = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
        format!("{:02X}{number:06X}", self.place)
    }

    fn words(&self, refusal: Refusal, pick: u64) -> Saying {
        saying(self.dialect, refusal, pick)
    }

    /// Memory is never half-changed by a panic: each change is one call.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_sampled(seed: u64, envelopes: &[Envelope], one_in: u32) -> bool {
    let words = envelopes
        .iter()
        .flat_map(|e| [e.return_path.as_str(), e.recipient.as_str()]);
    let words: Vec<&str> = words.collect();
    draw(seed, "sample", &words).is_multiple_of(u64::from(one_in.max(1)))
}

/// The Message-ID without a whole parse, for letters nobody inspects.
fn quick_message_id(raw: &[u8]) -> Option<String> {
    let lines = raw
        .split(|byte| *byte == b'\n')
        .take_while(|line| !line.is_empty() && *line != b"\r");
    let name = b"message-id:";
    for line in lines {
        let head = line.get(..name.len());
        if head.is_some_and(|head| head.eq_ignore_ascii_case(name)) {
            let value = String::from_utf8_lossy(&line[name.len()..]);
            return Some(value.trim().trim_matches(['<', '>']).to_owned());
        }
    }
    None
}
