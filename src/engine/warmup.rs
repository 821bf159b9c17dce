//! Warm-ups: each day of a new source gets its cap.
//!
//! Owns the round. Promises: a route with a plan sends nothing on a day whose cap is not written down; what is written down is
//! what every node goes by. Leaves the cap to `policy::warmup`, its keeping to `pace`.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::pace::{Pace, day_of};
use crate::{
    mail::{RouteKey, WarmCap},
    policy::warmup::{Plan, Plans, cap},
    port::{Clock, StoreError, WarmupStore, World},
};

/// How often routes without a cap are looked for: the longest that a day begins late.
const ROUND: Duration = Duration::from_secs(1);

/// Days that are looked at: the idle ones that make a source forgotten, and some more.
const DAYS: i32 = 60;

/// Looks until told to stop.
pub(super) async fn keep<W: World>(world: &W, pace: &Pace, plans: &Plans, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(ROUND))
        .await
        .is_some()
    {
        let today = day_of(world.clock().now());
        for route in pace.without_cap(today) {
            let Some(plan) = plans.of(&route.source, &route.target) else {
                continue;
            };
            match open(world.store(), plan, &route, today).await {
                Ok(cap) => {
                    tell(&route, &cap);
                    pace.set_cap(&route, today, cap.letters);
                }
                Err(trouble) => {
                    error!(error = ?trouble, source = route.source, target = route.target, "A day of a warm-up waits");
                }
            }
        }
    }
}

async fn open<S: WarmupStore>(
    store: &S,
    plan: &Plan,
    route: &RouteKey,
    today: i32,
) -> Result<WarmCap, StoreError> {
    let past = store.warm_days(route, today.saturating_sub(DAYS)).await?;
    store.open_day(route, today, &cap(plan, &past, today)).await
}

fn tell(route: &RouteKey, cap: &WarmCap) {
    let (source, target) = (&route.source, &route.target);
    let today = match cap.letters {
        Some(letters) => format!("{letters} letters today"),
        None => "it is warm".to_owned(),
    };
    info!(
        source,
        target, "Warm-up from {source} to {target}: {today}; {}", cap.reason
    );
}
