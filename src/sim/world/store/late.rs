//! What came in, and which late words were heard: the twins of `store/inbound.rs` and `store/late.rs`.
//!
//! Owns those statements. Promises: as there, an unread mail is never dropped; a word is heard once; a letter that has moved
//! since it was judged stays as it is.

use std::time::Duration;

use uuid::Uuid;

use super::tables::{Mail, Tables};
use crate::{
    mail::{Door, Incoming, IncomingId, LetterId, State, Timestamp},
    port::inbound::{Kept, LateSettlement, Settled, Standing, Understood},
};

/// A command reads its mail itself; only if it dies do others.
const COMMAND: Duration = Duration::from_mins(1);

impl Tables {
    pub(in super::super) fn keep(&mut self, mail: Incoming) -> IncomingId {
        let id = name(mail.at, self.inbound.len());
        let wait = if mail.door == Door::Command {
            COMMAND
        } else {
            Duration::ZERO
        };
        let kept = Mail {
            due: mail.at.plus(wait),
            incoming: mail,
            understood: None,
        };
        self.inbound.insert(id, kept);
        id
    }

    pub(in super::super) fn take(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        max: u32,
    ) -> Vec<Kept> {
        let unread = self.inbound.iter_mut();
        let mut due: Vec<(&IncomingId, &mut Mail)> = unread
            .filter(|(_, mail)| mail.understood.is_none() && mail.due <= now)
            .collect();
        due.sort_by_key(|(id, mail)| (mail.due, **id));
        let taken = due.into_iter().take(max as usize).map(|(id, mail)| {
            mail.due = until;
            Kept {
                id: *id,
                mail: mail.incoming.clone(),
            }
        });
        taken.collect()
    }

    pub(in super::super) fn late_standing(&self, id: LetterId) -> Option<Standing> {
        let standing = self.standing(id)?;
        let letter = &self.letters.get(&id)?.letter;
        Some(Standing {
            recipient: letter.to.mailbox.address.clone(),
            stream: letter.stream.clone(),
            state: standing.state,
        })
    }

    pub(in super::super) fn settle_late(&mut self, settlement: &LateSettlement) -> Settled {
        let word = (settlement.id, settlement.word, settlement.hash);
        if self.late_words.contains(&word) {
            return Settled::Heard;
        }
        let state = settlement.revision.state;
        if state.is_some_and(|state| !self.move_late(settlement, state)) {
            return Settled::Moved;
        }
        self.late_words.insert(word);
        self.history(settlement.id, settlement.revision.event.clone());
        if let Some(entry) = &settlement.revision.suppress {
            self.ban(entry);
        }
        Settled::Done
    }

    /// Whether the letter still stood where it was judged. One that a worker holds stays, and is judged again later.
    fn move_late(&mut self, settlement: &LateSettlement, state: State) -> bool {
        let id = settlement.id;
        let waits = self.queue.get(&id).is_some_and(|row| row.lease.is_none());
        let Some(row) = self.letters.get_mut(&id) else {
            return false;
        };
        let stands = match settlement.stood {
            State::Queued | State::Leased => row.state.is_none() && waits,
            stood => row.state == Some(stood),
        };
        if stands {
            (row.state, row.in_doubt_lease) = (Some(state), None);
            self.queue.remove(&id);
        }
        stands
    }

    pub(in super::super) fn close(&mut self, id: IncomingId, understood: &Understood) {
        let mail = self.inbound.get_mut(&id);
        if let Some(mail) = mail.filter(|mail| mail.understood.is_none()) {
            mail.understood = Some(understood.clone());
        }
    }

    pub(in super::super) fn postpone(&mut self, id: IncomingId, until: Timestamp) {
        let mail = self.inbound.get_mut(&id);
        if let Some(mail) = mail.filter(|mail| mail.understood.is_none()) {
            mail.due = until;
        }
    }

    /// What a careless store does: no word was ever heard.
    #[cfg(test)]
    pub(in super::super) fn forget_words(&mut self) {
        self.late_words.clear();
    }

    /// Mails that nobody has read yet.
    pub(in super::super) fn unread(&self) -> usize {
        let mails = self.inbound.values();
        mails.filter(|mail| mail.understood.is_none()).count()
    }
}

/// A UUIDv7 (RFC 9562 §5.7) whose last bits count instead of being thrown.
fn name(at: Timestamp, number: usize) -> IncomingId {
    let millis = u64::try_from(at.micros() / 1_000).unwrap_or(0);
    IncomingId(Uuid::from_u64_pair(
        (millis << 16) | 0x7000,
        (1 << 63) | number as u64,
    ))
}
