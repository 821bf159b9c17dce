//! Brakes: what goes badly at a provider is stopped there before it costs all the others.
//!
//! Owns the round. Promises: a campaign whose figures are beyond a limit is held within [`ROUND`] and the time a node takes to
//! learn of holds, by one hold, however many nodes look; each warning is given once; transactional streams are never stopped. Leaves the figures to the store, the
//! limits to `policy::brake`, and the release to a person.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::Desk;
use crate::{
    mail::{BrakeLevel, HoldOn, Timestamp},
    policy::{
        Brakes, StreamKind,
        brake::{Alarm, alarms},
    },
    port::{
        BrakeStore, Clock, StoreError, Watch, World,
        brake::{Account, Braking},
    },
};

/// How often figures are looked at.
const ROUND: Duration = Duration::from_secs(2);

/// Looks until told to stop.
pub(super) async fn watch<W: World>(
    world: &W,
    desk: &Desk,
    brakes: &Brakes,
    stop: CancellationToken,
) {
    while stop
        .run_until_cancelled(tokio::time::sleep(ROUND))
        .await
        .is_some()
    {
        if let Err(trouble) = round(world, desk, brakes, world.clock().now()).await {
            error!(error = ?trouble, "Could not look how campaigns fare");
        }
    }
}

async fn round<W: World>(
    world: &W,
    desk: &Desk,
    brakes: &Brakes,
    now: Timestamp,
) -> Result<(), StoreError> {
    for account in world.store().accounts(now, brakes.days).await? {
        for mut alarm in alarms(&account.figures, brakes) {
            if is_waited_for(desk, &account.on) {
                alarm.level = BrakeLevel::Warn;
            }
            if act(world, &account, &alarm, now).await? {
                break;
            }
        }
    }
    Ok(())
}

/// Somebody waits for such letters: a password reset is worth more than a rate.
fn is_waited_for(desk: &Desk, on: &HoldOn) -> bool {
    let HoldOn::StreamAt(name, _) = on else {
        return false;
    };
    let stream = desk.streams.get(name);
    stream.is_some_and(|stream| stream.policy.kind == StreamKind::Transactional)
}

/// Whether the account is held now.
async fn act<W: World>(
    world: &W,
    account: &Account,
    alarm: &Alarm,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let braking = Braking {
        account,
        measure: alarm.measure,
        words: &alarm.words,
        at: now,
    };
    let (kind, value) = (account.on.kind(), account.on.value());
    match alarm.level {
        BrakeLevel::Stop => {
            if let Some(hold) = world.store().stop(&braking).await? {
                world.watch().braked(alarm.level, alarm.measure);
                warn!(hold = hold.0, kind, value = %value, measure = alarm.measure.name(),
                    "The brake holds {value}: {}. `postrider queue release {}` lets it go", alarm.words, hold.0);
            }
            Ok(true)
        }
        BrakeLevel::Warn => {
            if !account.warned.contains(&alarm.measure) && world.store().warn(&braking).await? {
                world.watch().braked(alarm.level, alarm.measure);
                warn!(kind, value = %value, measure = alarm.measure.name(), "{value} goes badly: {}", alarm.words);
            }
            Ok(false)
        }
    }
}
