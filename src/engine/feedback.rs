//! What comes back: from a mail that was kept to what it changes.
//!
//! Owns the reading of kept mails and the question whether they prove anything. Promises: a mail without a token of ours
//! and without a reporter that the operator knows changes nothing; the same report is acted upon once; what is not
//! understood is kept and changes nothing; a mail is noted as read only after what it changes is written. Decides nothing
//! about a letter: `policy::revise` does. Leaves the forms of reports to `bounce::mail`. Read `proof` next.

mod fingerprint;
mod proof;
mod rounds;
mod words;

use std::collections::{BTreeMap, HashMap};

pub use self::rounds::serve;
use self::{
    fingerprint::fingerprint,
    proof::Lead,
    words::{detail, idle, in_sum, strongest, understand, word},
};
use crate::{
    dkim,
    mail::{
        Address, Domain, Effect, LateWord, Report, ReportKind, Revision, State, Timestamp, Witness,
    },
    policy::{LateCase, StreamPolicy, complaint_of, revise},
    port::{
        StoreError,
        inbound::{
            InboundWatch, Kept, Kind, LateSettlement, LateStore, Proof, Settled, Standing, Texts,
            Understood,
        },
    },
    token::{Addresses, Kind as TokenKind, Named},
};

/// A letter that moves under our hands so often is left for later.
const LOOKS: usize = 3;

/// The hash of a one-click request, which has no words of its own: pressing twice is one wish.
const ONE_CLICK: &[u8] = b"List-Unsubscribe=One-Click";

/// What the operator has set, as far as late words need it.
#[derive(Clone, Debug)]
pub struct FeedbackDesk {
    /// Our addresses and their tokens.
    pub addresses: Addresses,
    /// Policy of each stream, by name.
    pub streams: HashMap<String, StreamPolicy>,
    /// For letters of a stream that is not configured any more.
    pub stray: StreamPolicy,
    /// Domains whose signed feedback reports are believed without a token.
    pub reporters: Vec<Domain>,
}

/// Reads what came in.
pub struct Feedback<S, D, W> {
    /// Where mails, letters and suppressions are.
    pub store: S,
    /// Asked for the keys of reporters.
    pub dns: D,
    /// Sees what comes in.
    pub watch: W,
    /// What the operator has set.
    pub desk: FeedbackDesk,
}

/// What came of one letter.
enum Acted {
    /// This.
    Done(Effect),
    /// Its worker is not done with it: a later look.
    Later,
}

impl<S: LateStore, D: Texts, W: InboundWatch> Feedback<S, D, W> {
    /// Reads a mail and does what follows; `None` when it has to wait for a letter that is on the wire now.
    pub async fn read(
        &self,
        kept: &Kept,
        now: Timestamp,
    ) -> Result<Option<Understood>, StoreError> {
        let report = understand(&kept.mail.raw).await;
        let found = self.act(kept, &report, now).await?;
        if let Some(understood) = &found {
            self.store.close(kept.id, now, understood).await?;
            self.watch.understood(understood);
        }
        Ok(found)
    }

    /// The letter behind a one-click token, if it is ours.
    pub fn named(&self, token: &str) -> Option<Named> {
        let tokens = &self.desk.addresses.tokens;
        tokens.decode(TokenKind::Unsubscribe, token)
    }

    /// The reader behind a one-click link wants no more of that stream; `None` when the letter is not kept any more.
    pub async fn leave(&self, named: Named, now: Timestamp) -> Result<Option<Effect>, StoreError> {
        let hash = fingerprint(ONE_CLICK);
        let word = |_: &Standing| Some(LateWord::Unsubscribed);
        match self
            .settle(named, Witness::Onlooker, hash, word, now)
            .await?
        {
            Acted::Done(Effect::NoLetter) => Ok(None),
            Acted::Done(effect) => Ok(Some(effect)),
            // An unsubscribe moves no letter, so it never waits for one.
            Acted::Later => Ok(Some(Effect::Noted)),
        }
    }

    async fn act(
        &self,
        kept: &Kept,
        report: &Report,
        now: Timestamp,
    ) -> Result<Option<Understood>, StoreError> {
        let envelope = proof::in_envelope(&self.desk.addresses, &kept.mail.rcpt_to);
        match report.kind {
            ReportKind::AutoReply => Ok(Some(idle(report.kind, Effect::Ignored, report.form))),
            ReportKind::Other => self.letter(kept, &envelope, now).await,
            ReportKind::Bounce | ReportKind::Complaint => {
                let leads = if envelope.is_empty() {
                    proof::in_copy(&self.desk.addresses.tokens, report)
                } else {
                    envelope
                };
                if leads.is_empty() {
                    return self.without_token(kept, report, now).await.map(Some);
                }
                self.with_token(kept, report, &leads, now).await
            }
        }
    }

    /// A letter that is no report: to an unsubscribe address it is a wish, elsewhere nobody understands it.
    async fn letter(
        &self,
        kept: &Kept,
        envelope: &[Lead],
        now: Timestamp,
    ) -> Result<Option<Understood>, StoreError> {
        let wishes = envelope.iter().filter(|lead| lead.may_unsubscribe());
        let leads: Vec<Lead> = wishes.copied().collect();
        let Some(first) = leads.first() else {
            let kind = ReportKind::Other;
            if let Some(report) = in_sum(&kept.mail.raw).await {
                self.store.keep_statistics(&report, now).await?;
                let what = format!(
                    "{} report of {} about {}",
                    report.kind.name(),
                    report.reporter,
                    report.domain
                );
                return Ok(Some(idle(kind, Effect::Counted, &what)));
            }
            return Ok(Some(idle(kind, Effect::Unrecognised, "no report")));
        };
        let hash = fingerprint(&kept.mail.raw);
        let mut effects = Vec::new();
        for lead in &leads {
            let word = |_: &Standing| Some(LateWord::Unsubscribed);
            match self
                .settle(lead.named, lead.witness(), hash, word, now)
                .await?
            {
                Acted::Done(effect) => effects.push(effect),
                Acted::Later => return self.wait(kept, now).await,
            }
        }
        Ok(Some(Understood {
            kind: Kind::Unsubscribe,
            effect: strongest(&effects),
            proof: Some(Proof::Envelope),
            letter: Some(first.named.id),
            detail: "a letter to the unsubscribe address".to_owned(),
        }))
    }

    async fn with_token(
        &self,
        kept: &Kept,
        report: &Report,
        leads: &[Lead],
        now: Timestamp,
    ) -> Result<Option<Understood>, StoreError> {
        let hash = fingerprint(&kept.mail.raw);
        let mut effects = Vec::new();
        for lead in leads {
            let word = |standing: &Standing| word(report, lead.proof, &standing.recipient);
            match self
                .settle(lead.named, lead.witness(), hash, word, now)
                .await?
            {
                Acted::Done(effect) => effects.push(effect),
                Acted::Later => return self.wait(kept, now).await,
            }
        }
        Ok(Some(Understood {
            kind: Kind::Report(report.kind),
            effect: strongest(&effects),
            proof: leads.first().map(|lead| lead.proof),
            letter: leads.first().map(|lead| lead.named.id),
            detail: detail(report),
        }))
    }

    /// Only a feedback report that a known reporter has signed may still count.
    async fn without_token(
        &self,
        kept: &Kept,
        report: &Report,
        now: Timestamp,
    ) -> Result<Understood, StoreError> {
        let unproven = Understood {
            detail: detail(report),
            ..idle(report.kind, Effect::Unproven, "")
        };
        let Some(complaint) = &report.complaint else {
            return Ok(unproven);
        };
        if !self.is_from_reporter(&kept.mail.raw).await {
            return Ok(unproven);
        }
        let named = complaint.original_rcpt_to.iter();
        let readers = named.filter_map(|address| Address::parse(address).ok());
        let readers = readers.filter(|_| !complaint.redacted);
        let mut effect = Effect::Counted;
        for entry in readers.filter_map(|address| complaint_of(&address, complaint, now)) {
            self.store.suppress_reported(&entry).await?;
            self.watch.suppressed(&entry);
            effect = Effect::Suppressed;
        }
        Ok(Understood {
            effect,
            proof: Some(Proof::Reporter),
            ..unproven
        })
    }

    async fn is_from_reporter(&self, raw: &[u8]) -> bool {
        let mut keys = BTreeMap::new();
        for name in dkim::keys_wanted(raw, &self.desk.reporters) {
            let texts = self.dns.texts(&name).await;
            keys.insert(name, texts);
        }
        !keys.is_empty()
            && !dkim::signers(raw, &self.desk.reporters, &keys)
                .await
                .is_empty()
    }

    /// One letter before the judge, as often as it moves meanwhile.
    async fn settle(
        &self,
        named: Named,
        witness: Witness,
        hash: [u8; 32],
        word: impl Fn(&Standing) -> Option<LateWord>,
        now: Timestamp,
    ) -> Result<Acted, StoreError> {
        for _ in 0..LOOKS {
            let Some(standing) = self.store.standing(named.id, named.shard).await? else {
                return Ok(Acted::Done(Effect::NoLetter));
            };
            let Some(word) = word(&standing) else {
                return Ok(Acted::Done(Effect::Unproven));
            };
            // Its worker may be about to settle the very delivery that the report speaks of.
            if standing.state == State::Leased && matches!(word, LateWord::Reported(_)) {
                return Ok(Acted::Later);
            }
            let settlement = self.settlement(named, (standing, witness), hash, &word, now);
            match self.store.settle_late(&settlement).await? {
                Settled::Done => return Ok(Acted::Done(self.done(&settlement.revision))),
                Settled::Heard => {
                    self.wish_again(&word, &settlement.revision).await?;
                    return Ok(Acted::Done(Effect::Duplicate));
                }
                Settled::Moved => {}
            }
        }
        Ok(Acted::Later)
    }

    /// A reader who came back to a stream and presses the old link once more means it.
    async fn wish_again(&self, word: &LateWord, revision: &Revision) -> Result<(), StoreError> {
        match (word, &revision.suppress) {
            (LateWord::Unsubscribed, Some(entry)) => self.store.suppress_reported(entry).await,
            _ => Ok(()),
        }
    }

    fn settlement(
        &self,
        named: Named,
        (standing, witness): (Standing, Witness),
        hash: [u8; 32],
        word: &LateWord,
        now: Timestamp,
    ) -> LateSettlement {
        let policy = self.desk.streams.get(&standing.stream);
        let case = LateCase {
            letter: named.id,
            recipient: standing.recipient,
            domain_fault: policy.unwrap_or(&self.desk.stray).domain_fault,
            stream: standing.stream,
            witness,
            state: standing.state,
        };
        LateSettlement {
            id: named.id,
            shard: named.shard,
            stood: standing.state,
            word: word.name(),
            hash,
            revision: revise(&case, word, now),
        }
    }

    fn done(&self, revision: &Revision) -> Effect {
        if let Some(entry) = &revision.suppress {
            self.watch.suppressed(entry);
        }
        match (revision.state, &revision.suppress) {
            (Some(State::Bounced), _) => Effect::Bounced,
            (Some(_), _) => Effect::Delivered,
            (None, Some(_)) => Effect::Suppressed,
            (None, None) => Effect::Noted,
        }
    }

    async fn wait(&self, kept: &Kept, now: Timestamp) -> Result<Option<Understood>, StoreError> {
        self.store
            .postpone(kept.id, now.plus(rounds::WAIT_FOR_WORKER))
            .await?;
        Ok(None)
    }
}
