//! The fields of a note as octets: numbers little-endian, texts with their length before them.
//!
//! Owns the two directions side by side, so that they cannot drift apart unseen. Promises: what was written reads back
//! the same; a reader meets no octets that make it panic or take more memory than they are long. Evidence that does not
//! come from a talk has no place in a journal and is written as trouble without words.

use std::time::Duration;

use uuid::Uuid;

use crate::{
    mail::{Evidence, LetterId, Provider, Reply, Shard, Stage, Timestamp, Trouble, TroubleKind},
    port::{AttemptRecord, Claim, LeaseId, Word},
};

const KINDS: [TroubleKind; 6] = [
    TroubleKind::Refused,
    TroubleKind::TimedOut,
    TroubleKind::Closed,
    TroubleKind::Io,
    TroubleKind::Tls,
    TroubleKind::Garbage,
];

/// No text in a note is longer: what a receiver says beyond it decides nothing.
const TEXT_MAX: usize = 8 << 10;

pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// Leaves room at the beginning.
    pub(super) fn new(head: usize) -> Self {
        let mut octets = Vec::with_capacity(256);
        octets.resize(head, 0);
        Self(octets)
    }

    pub(super) fn into_octets(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    pub(super) fn uuid(&mut self, uuid: Uuid) -> &mut Self {
        self.0.extend_from_slice(uuid.as_bytes());
        self
    }

    fn small(&mut self, number: u16) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn large(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        let text = &text[..text.floor_char_boundary(TEXT_MAX)];
        self.small(u16::try_from(text.len()).unwrap_or(0));
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn option(&mut self, text: Option<&str>) -> &mut Self {
        self.byte(u8::from(text.is_some()));
        text.map(|text| self.text(text));
        self
    }

    pub(super) fn claim(&mut self, claim: Claim) -> &mut Self {
        self.uuid(claim.lease.0)
            .uuid(claim.id.0)
            .small(claim.shard.0.cast_unsigned())
            .small(claim.attempts)
    }

    pub(super) fn word(&mut self, word: &Word) -> &mut Self {
        self.claim(word.claim)
            .large(word.at.micros().cast_unsigned())
            .evidence(&word.evidence);
        self.byte(u8::from(word.attempt.is_some()));
        if let Some(attempt) = &word.attempt {
            self.attempt(attempt);
        }
        self
    }

    fn evidence(&mut self, evidence: &Evidence) -> &mut Self {
        match evidence {
            Evidence::Accepted(reply) => self.byte(0).reply(reply),
            Evidence::Refused(reply) => self.byte(1).reply(reply),
            Evidence::Broken(trouble) => self.byte(2).trouble(trouble),
            Evidence::LostReply(trouble) => self.byte(3).trouble(trouble),
            _ => {
                let none = Trouble::new(Stage::Connect, TroubleKind::Io, "");
                self.byte(2).trouble(&none)
            }
        }
    }

    fn stage(&mut self, stage: Stage) -> &mut Self {
        let place = Stage::ALL.iter().position(|known| *known == stage);
        self.byte(
            place
                .and_then(|place| u8::try_from(place).ok())
                .unwrap_or(0),
        )
    }

    fn reply(&mut self, reply: &Reply) -> &mut Self {
        self.stage(reply.stage).small(reply.code).text(&reply.text)
    }

    fn trouble(&mut self, trouble: &Trouble) -> &mut Self {
        let place = KINDS.iter().position(|known| *known == trouble.kind);
        let place = place.and_then(|place| u8::try_from(place).ok());
        self.stage(trouble.stage)
            .byte(place.unwrap_or(0))
            .text(&trouble.detail)
    }

    fn attempt(&mut self, attempt: &AttemptRecord) -> &mut Self {
        let remote = attempt.remote.map(|remote| remote.to_string());
        self.text(&attempt.site)
            .text(attempt.provider)
            .option(attempt.host.as_deref())
            .option(remote.as_deref())
            .text(&attempt.source)
            .option(attempt.tls.as_deref())
            .large(micros(attempt.prepare))
            .large(micros(attempt.talk))
            .large(attempt.size_bytes as u64)
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn uuid(&mut self) -> Option<Uuid> {
        self.take().map(Uuid::from_bytes)
    }

    fn small(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn large(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = usize::from(self.small()?);
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    /// `Some(None)` is a text that was not there.
    #[expect(
        clippy::option_option,
        reason = "the outer one is a fault of the octets"
    )]
    fn option(&mut self) -> Option<Option<String>> {
        match self.byte()? {
            0 => Some(None),
            _ => self.text().map(Some),
        }
    }

    pub(super) fn claim(&mut self) -> Option<Claim> {
        Some(Claim {
            lease: LeaseId(self.uuid()?),
            id: LetterId(self.uuid()?),
            shard: Shard(self.small()?.cast_signed()),
            attempts: self.small()?,
        })
    }

    pub(super) fn word(&mut self) -> Option<Word> {
        Some(Word {
            claim: self.claim()?,
            at: Timestamp::from_micros(self.large()?.cast_signed()),
            evidence: self.evidence()?,
            attempt: match self.byte()? {
                0 => None,
                _ => Some(self.attempt()?),
            },
        })
    }

    fn evidence(&mut self) -> Option<Evidence> {
        match self.byte()? {
            0 => self.reply().map(Evidence::Accepted),
            1 => self.reply().map(Evidence::Refused),
            2 => self.trouble().map(Evidence::Broken),
            3 => self.trouble().map(Evidence::LostReply),
            _ => None,
        }
    }

    fn stage(&mut self) -> Option<Stage> {
        Stage::ALL.get(usize::from(self.byte()?)).copied()
    }

    fn reply(&mut self) -> Option<Reply> {
        Some(Reply::new(self.stage()?, self.small()?, self.text()?))
    }

    fn trouble(&mut self) -> Option<Trouble> {
        let stage = self.stage()?;
        let kind = *KINDS.get(usize::from(self.byte()?))?;
        Some(Trouble::new(stage, kind, self.text()?))
    }

    fn attempt(&mut self) -> Option<AttemptRecord> {
        Some(AttemptRecord {
            site: self.text()?,
            provider: Provider::parse(&self.text()?).map_or("other", Provider::name),
            host: self.option()?,
            remote: self.option()?.and_then(|remote| remote.parse().ok()),
            source: self.text()?,
            tls: self.option()?,
            prepare: Duration::from_micros(self.large()?),
            talk: Duration::from_micros(self.large()?),
            size_bytes: usize::try_from(self.large()?).ok()?,
        })
    }
}
