//! The notes of a journal as octets.
//!
//! Owns the frame: length, CRC-32, kind, content. Promises: a frame that reads back is the frame that was written; octets
//! that are none read as none, whatever they are. The fields are `codec`'s.

use super::codec::{Reader, Writer};
use crate::{
    mail::LetterId,
    port::{Claim, LeaseId, Word},
};

/// Octets before a frame's content: its length and its checksum.
const HEAD: usize = 8;

/// No note is longer: a settled batch of a thousand letters, or a reply with all its lines.
const CONTENT_MAX: usize = 1 << 20;

/// One note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// The journal begins, on a machine that was started at that moment: see [`super::read::boot`].
    Opened(String),
    Asked(LeaseId),
    Dotted(Claim),
    Heard(Box<Word>),
    Settled(Vec<(LeaseId, LetterId)>),
}

impl Entry {
    pub(super) fn frame(&self) -> Vec<u8> {
        let mut writer = Writer::new(HEAD);
        match self {
            Self::Opened(boot) => writer.byte(0).text(boot),
            Self::Asked(lease) => writer.byte(1).uuid(lease.0),
            Self::Dotted(claim) => writer.byte(2).claim(*claim),
            Self::Heard(word) => writer.byte(3).word(word),
            Self::Settled(claims) => {
                writer.byte(4);
                for (lease, id) in claims {
                    writer.uuid(lease.0).uuid(id.0);
                }
                &mut writer
            }
        };
        seal(writer)
    }

    /// The first note of these octets and what follows it; `None` where no whole note stands.
    pub(super) fn read(octets: &[u8]) -> Option<(Self, &[u8])> {
        let (length, rest) = octets.split_first_chunk()?;
        let (sum, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (content, rest) = rest.split_at_checked(length.min(CONTENT_MAX + 1))?;
        let is_whole = crc32fast::hash(content) == u32::from_le_bytes(*sum);
        if length > CONTENT_MAX || !is_whole {
            return None;
        }
        Some((Self::parse(&mut Reader::new(content))?, rest))
    }

    fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        match reader.byte()? {
            0 => reader.text().map(Self::Opened),
            1 => reader.uuid().map(|lease| Self::Asked(LeaseId(lease))),
            2 => reader.claim().map(Self::Dotted),
            3 => reader.word().map(|word| Self::Heard(Box::new(word))),
            4 => {
                let mut claims = Vec::new();
                while !reader.is_empty() {
                    claims.push((LeaseId(reader.uuid()?), LetterId(reader.uuid()?)));
                }
                Some(Self::Settled(claims))
            }
            _ => None,
        }
    }
}

/// The frame of a word, which is not copied for it.
pub(super) fn word_frame(word: &Word) -> Vec<u8> {
    let mut writer = Writer::new(HEAD);
    writer.byte(3).word(word);
    seal(writer)
}

/// Fills in length and checksum.
fn seal(writer: Writer) -> Vec<u8> {
    let mut frame = writer.into_octets();
    let sum = crc32fast::hash(&frame[HEAD..]);
    let length = u32::try_from(frame.len() - HEAD).unwrap_or(u32::MAX);
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..HEAD].copy_from_slice(&sum.to_le_bytes());
    frame
}
