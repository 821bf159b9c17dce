//! The promises of the house under fire: real PostgreSQL, real sockets, the real engine, and receivers that misbehave.
//!
//! `world` builds the stage, `fates` compares both ends letter by letter, and the other files hold one promise each.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test says what went wrong by stopping, and what it counted by printing"
)]

#[path = "promises/bad.rs"]
mod bad;
#[path = "promises/brake.rs"]
mod brake;
#[path = "promises/chunks.rs"]
mod chunks;
#[path = "promises/crash.rs"]
mod crash;
#[path = "promises/desk.rs"]
mod desk;
#[path = "promises/fair.rs"]
mod fair;
#[path = "promises/fates.rs"]
mod fates;
#[path = "promises/faults.rs"]
mod faults;
#[path = "promises/hold.rs"]
mod hold;
#[path = "promises/letters.rs"]
mod letters;
#[path = "promises/limits.rs"]
mod limits;
#[path = "promises/lint.rs"]
mod lint;
#[path = "promises/node.rs"]
mod node;
#[path = "promises/outage.rs"]
mod outage;
#[path = "promises/pool.rs"]
mod pool;
#[path = "promises/process.rs"]
#[expect(dead_code, reason = "the tests of faults use the rest")]
mod process;
#[path = "promises/quiet.rs"]
mod quiet;
#[path = "wire/receiver.rs"]
#[expect(dead_code, reason = "the tests of the wire use the rest")]
mod receiver;
#[path = "promises/refresh.rs"]
mod refresh;
#[path = "promises/share.rs"]
mod share;
#[path = "promises/signals.rs"]
mod signals;
#[path = "promises/stop.rs"]
mod stop;
#[path = "support/mod.rs"]
mod support;
#[path = "promises/suppressed.rs"]
mod suppressed;
#[path = "promises/tls.rs"]
mod tls;
#[path = "promises/warmup.rs"]
mod warmup;
#[path = "promises/world.rs"]
mod world;
