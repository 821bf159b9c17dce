//! Any bytes as a guest's talk: never a panic, and nothing is kept that did not come to an address of ours.
#![no_main]

use std::sync::{LazyLock, Mutex};

use libfuzzer_sys::fuzz_target;
use postrider::{
    inbound::{Protocol, Settings, converse},
    mail::{Domain, Incoming, IncomingId, Timestamp},
    port::{Clock, StoreError, inbound::Intake},
    token::{Addresses, Kind, TokenKey, Tokens},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    runtime::{Builder, Runtime},
};

/// Room on the wire for the largest input and every reply to it.
const WIRE: usize = 8 << 20;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().expect("a runtime"));

fn ours() -> Addresses {
    let key = TokenKey {
        id: 1,
        secret: [1; 32],
    };
    let domain = Domain::parse("bounce.example.com").expect("a domain");
    Addresses {
        domains: vec![(domain, Kind::ReturnPath)],
        mailboxes: vec!["postmaster".to_owned()],
        tokens: Tokens::new(key, Vec::new()),
    }
}

/// Looks at what is kept.
struct Shelf(Mutex<usize>);

impl Intake for Shelf {
    async fn keep(&self, mail: Incoming) -> Result<IncomingId, StoreError> {
        assert!(!mail.rcpt_to.is_empty());
        assert!(mail.rcpt_to.iter().all(|to| ours().admit(to).is_ok()));
        *self.0.lock().expect("one thread") += 1;
        Ok(IncomingId(uuid::Uuid::nil()))
    }
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(0)
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, said)) = bytes.split_first() else {
        return;
    };
    let protocol = if choice & 1 == 0 {
        Protocol::Smtp
    } else {
        Protocol::Lmtp
    };
    RUNTIME.block_on(async {
        let (mut guest, host) = duplex(WIRE);
        let settings = Settings {
            size_max: 4_096,
            ..Settings::default()
        };
        let world = (Shelf(Mutex::new(0)), Stopped, ());
        let talk = converse(host, protocol, settings, ours(), world);
        let say = async {
            let _ = guest.write_all(said).await;
            let _ = guest.shutdown().await;
            let mut heard = Vec::new();
            let _ = guest.read_to_end(&mut heard).await;
            // Every line that is heard begins with a code.
            let lines = heard.split_inclusive(|byte| *byte == b'\n');
            for line in lines.filter(|line| line.ends_with(b"\r\n")) {
                assert!(line.len() >= 6 && line[..3].iter().all(u8::is_ascii_digit));
            }
        };
        tokio::join!(talk, say);
    });
});
