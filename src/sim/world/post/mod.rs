//! What comes back about letters: reports of receivers, wishes of readers, and forgeries.
//!
//! Owns who writes what, and the carrying to our doors. Promises: every mail is a word in the book, with who really wrote it;
//! a mail that our door did not answer for is brought again, as mail servers do; the same word may come twice, late, and
//! before words that were written earlier. Leaves octets to `forms`, what a mail changes to `engine::feedback`.

mod forge;
mod forms;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    task::JoinSet,
    time::sleep,
};

use super::{
    super::{
        dialect::Saying,
        tally::Envelope,
        witness::{Taken, Witness},
    },
    book::{Author, Book, Says, Word},
    chance::Chance,
    clock::WorldTime,
    troubled::StoreLine,
    weather::Mails,
};
use crate::{
    mail::{Door, Incoming, LetterId},
    port::inbound::Intake,
    token::{Addresses, Kind, Named},
};

/// A word comes so late at most.
const LATE: Duration = Duration::from_secs(30);

/// A mail server brings again what nobody answered for.
const AGAIN: Duration = Duration::from_secs(5);

/// Where mail is taken that bears no token.
const FEEDBACK: &str = "fbl@fbl.example.com";
const POSTMASTER: &str = "postmaster@bounce.example.com";

/// Everything that is written back.
pub(super) struct Post {
    pub(super) book: Arc<Book>,
    pub(super) time: WorldTime,
    pub(super) chance: Chance,
    pub(super) mails: Mails,
    pub(super) addresses: Addresses,
    /// The door's own line to the store.
    pub(super) door: StoreLine,
    pub(super) under_way: AtomicUsize,
    pub(super) out: UnboundedSender<Parcel>,
}

/// A mail on its way to a door.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    after: Duration,
    word: usize,
    draft: Draft,
}

/// What is written, and to whom.
#[derive(Clone, Debug)]
struct Draft {
    to: String,
    text: String,
}

/// A letter as it lies in a mailbox.
struct Seen<'a> {
    named: Named,
    return_path: &'a str,
    recipient: &'a str,
    head: String,
}

impl Post {
    /// Mails that have not arrived yet.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// What comes of a copy that was taken.
    fn answer(&self, taken: &Taken<'_>) {
        let Envelope {
            return_path,
            recipient,
        } = taken.envelope;
        let Some((Kind::ReturnPath, named)) = self.addresses.named(return_path) else {
            return;
        };
        let raw = String::from_utf8_lossy(taken.raw);
        let head = raw.split("\r\n\r\n").next().unwrap_or_default().to_owned();
        let seen = Seen {
            named,
            return_path,
            recipient,
            head,
        };
        let (mails, chance) = (self.mails, &self.chance);
        let word = |says, author| Word {
            letter: named.id,
            reader: recipient.clone(),
            says,
            author,
        };
        if chance.falls(mails.bounced) {
            self.write(word(Says::Bounced, Author::Receiver), &bounced(&seen));
        }
        if chance.falls(mails.delayed) {
            self.write(word(Says::Delayed, Author::Receiver), &delayed(&seen));
        }
        if chance.falls(mails.complained) {
            self.write(word(Says::Complained, Author::Receiver), &complained(&seen));
        }
        if chance.falls(mails.unsubscribed)
            && let Some(wish) = unsubscribed(&seen)
        {
            self.write(word(Says::Unsubscribed, Author::Receiver), &wish);
        }
        if chance.falls(mails.onlookers) {
            self.write(word(Says::Bounced, Author::Onlooker), &overheard(&seen));
        }
        if chance.falls(mails.forged) {
            let (says, draft) = forge::of(chance, &self.addresses.tokens, &seen);
            self.write(word(says, Author::Forger), &draft);
        }
    }

    fn write(&self, word: Word, draft: &Draft) {
        let number = self.book.wrote(word);
        let times = 1 + usize::from(self.chance.falls(self.mails.twice));
        for _ in 0..times {
            let parcel = Parcel {
                after: self.chance.span(Duration::ZERO, LATE),
                word: number,
                draft: draft.clone(),
            };
            self.under_way.fetch_add(1, Ordering::Relaxed);
            // Whoever carries ends with the world.
            let _ = self.out.send(parcel);
        }
    }

    /// A mail at a door: the listener, which looks at addresses, or a Maildir that some other server fills.
    async fn bring(&self, parcel: Parcel) {
        sleep(parcel.after).await;
        let Draft { to, text } = &parcel.draft;
        let door = if self.chance.falls(0.5) {
            Door::Smtp
        } else {
            Door::Maildir
        };
        let word = self.book.word(parcel.word);
        if door == Door::Smtp && self.addresses.admit(to).is_err() {
            self.book.tell(format!("{word}: {to} is turned away"));
            return;
        }
        loop {
            let mail = Incoming {
                at: self.time.now(),
                door,
                remote: None,
                mail_from: String::new(),
                rcpt_to: vec![to.clone()],
                raw: traced(parcel.word, self.time, text).into_bytes(),
            };
            if self.door.keep(mail).await.is_ok() {
                self.book.tell(format!("{word}: kept"));
                return;
            }
            sleep(AGAIN).await;
        }
    }
}

/// Carries mails as they are written, until the world ends.
pub(super) async fn carry(post: Arc<Post>, mut parcels: UnboundedReceiver<Parcel>) {
    let mut under_way = JoinSet::new();
    while let Some(parcel) = parcels.recv().await {
        while under_way.try_join_next().is_some() {}
        let post = Arc::clone(&post);
        under_way.spawn(async move {
            post.bring(parcel).await;
            post.under_way.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Every bringing has its own trace line, as each server on the way adds one; it names the word for the laws.
fn traced(word: usize, time: WorldTime, text: &str) -> String {
    let micros = time.age().as_micros();
    format!(
        "Received: from mx.receiver.example by mx.example.com with ESMTP id {word}.{micros}\r\n{text}"
    )
}

/// The word that a mail of this post brings.
pub(super) fn word_of(raw: &[u8]) -> Option<usize> {
    let line = raw.split(|octet| *octet == b'\r').next()?;
    let (_, id) = std::str::from_utf8(line).ok()?.split_once(" id ")?;
    id.split('.').next()?.parse().ok()
}

fn bounced(seen: &Seen<'_>) -> Draft {
    let (to, fate) = (seen.return_path, forms::unknown(seen.recipient));
    draft(to, forms::delivery_report(to, &fate, &seen.head))
}

fn delayed(seen: &Seen<'_>) -> Draft {
    let (to, fate) = (seen.return_path, forms::delayed(seen.recipient));
    draft(to, forms::delivery_report(to, &fate, &seen.head))
}

fn complained(seen: &Seen<'_>) -> Draft {
    let text = forms::complaint(FEEDBACK, seen.return_path, seen.recipient, &seen.head);
    draft(FEEDBACK, text)
}

/// Whoever the letter was sent on to has seen its head, and not its return path.
fn overheard(seen: &Seen<'_>) -> Draft {
    let fate = forms::unknown(seen.recipient);
    draft(
        POSTMASTER,
        forms::delivery_report(POSTMASTER, &fate, &seen.head),
    )
}

fn unsubscribed(seen: &Seen<'_>) -> Option<Draft> {
    let unfolded = seen.head.replace("\r\n", "");
    let (_, rest) = unfolded.split_once("<mailto:")?;
    let to = rest.split(['>', '?']).next()?.to_owned();
    let text = forms::unsubscribe(&to, seen.recipient);
    Some(draft(&to, text))
}

fn draft(to: &str, text: String) -> Draft {
    Draft {
        to: to.to_owned(),
        text,
    }
}

/// The receivers' witness: what they take may come back.
impl Witness for Post {
    fn took(&self, taken: &Taken<'_>) {
        self.book.took(taken);
        self.answer(taken);
    }

    fn refused(&self, envelope: &Envelope, saying: &Saying) {
        self.book.refused(envelope, saying);
    }
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Word {
            letter: LetterId(id),
            reader,
            says,
            author,
        } = self;
        write!(
            f,
            "a word by {author:?}, {says:?}, about the letter {id} to {reader}"
        )
    }
}
