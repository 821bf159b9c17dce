//! The beat of reading: takes what waits, a few mails at once, until told to stop.
//!
//! Owns the loop. Promises: a mail that was kept is read by some node, also after the death of whoever took it; one that
//! kills its reader is noted as unrecognised and read no more; trouble with the store is asked again.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Feedback, words::idle};
use crate::{
    mail::{Effect, IncomingId, ReportKind},
    port::{
        Clock,
        inbound::{InboundWatch, Kept, LateStore, Texts},
    },
};

/// How often it looks for unread mails: an unsubscribe letter works within seconds.
const ROUND: Duration = Duration::from_millis(250);

/// After trouble with the store.
const TROUBLE: Duration = Duration::from_secs(2);

/// Mails taken at once, and so in memory, each up to the largest that doors grant.
const BATCH: u32 = 8;

/// Whoever took a mail and has not noted it by then is dead.
const CLAIM: Duration = Duration::from_mins(1);

/// A letter that is on the wire now is looked at again after this.
pub(super) const WAIT_FOR_WORKER: Duration = Duration::from_secs(2);

/// Reads until told to stop; what is under way is finished.
pub async fn serve<S, D, W, C>(feedback: Arc<Feedback<S, D, W>>, clock: C, stop: CancellationToken)
where
    S: LateStore,
    D: Texts,
    W: InboundWatch,
    C: Clock + Clone,
{
    let mut pause = Duration::ZERO;
    while stop
        .run_until_cancelled(tokio::time::sleep(pause))
        .await
        .is_some()
    {
        let now = clock.now();
        pause = match feedback.store.take(now, now.plus(CLAIM), BATCH).await {
            Ok(kept) => {
                let is_full = kept.len() >= BATCH as usize;
                read_all(&feedback, &clock, kept).await;
                if is_full { Duration::ZERO } else { ROUND }
            }
            Err(trouble) => {
                error!(error = ?trouble, "Could not look for unread inbound mails");
                TROUBLE
            }
        };
    }
}

async fn read_all<S, D, W, C>(feedback: &Arc<Feedback<S, D, W>>, clock: &C, kept: Vec<Kept>)
where
    S: LateStore,
    D: Texts,
    W: InboundWatch,
    C: Clock + Clone,
{
    let mut tasks = JoinSet::new();
    let mut readers: HashMap<Id, IncomingId> = HashMap::new();
    for mail in kept {
        let (feedback, clock, id) = (Arc::clone(feedback), clock.clone(), mail.id);
        let task = tasks.spawn(async move { read_one(&feedback, &mail, clock.now()).await });
        readers.insert(task.id(), id);
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(died) = ended
            && let Some(id) = readers.get(&died.id())
        {
            error!(inbound.id = %id, error = %died, "Reading inbound mail {id} failed; it is kept as unrecognised");
            let understood = idle(ReportKind::Other, Effect::Unrecognised, "its reader failed");
            if let Err(trouble) = feedback.store.close(*id, clock.now(), &understood).await {
                error!(error = ?trouble, "An inbound mail could not be noted as read");
            }
        }
    }
}

async fn read_one<S: LateStore, D: Texts, W: InboundWatch>(
    feedback: &Feedback<S, D, W>,
    mail: &Kept,
    now: crate::mail::Timestamp,
) {
    let id = mail.id;
    match feedback.read(mail, now).await {
        Ok(Some(understood)) => {
            let (kind, effect) = (understood.kind.name(), understood.effect.name());
            info!(inbound.id = %id, kind, effect, letter.id = ?understood.letter, "Read inbound mail {id}: {kind}, {effect}");
        }
        Ok(None) => {}
        // Its claim ends, and it is read again.
        Err(trouble) => warn!(error = ?trouble, "Inbound mail {id} is read again later"),
    }
}
