//! What the table `[inbound]` refuses.

use super::check;

#[test]
fn doors_that_cannot_be_are_named() {
    for (text, fault) in [
        (
            "certificate = \"a.pem\"",
            "certificate: needs inbound.key beside it, and the key needs it",
        ),
        ("size = \"1KiB\"", "size: must be from 64KiB to 100MiB"),
        (
            "memory = \"20MiB\"",
            "memory: must be at least twice inbound.size",
        ),
        ("connections = 0", "connections: must be from 1 to 10000"),
        (
            "connection_rate = 0",
            "connection_rate: must be from 1 to 100000",
        ),
        ("timeout = \"0s\"", "timeout: must be from 1s to 1h"),
        (
            "host = \"a b\"",
            "host: must be a domain such as mail.example.com",
        ),
        (
            "mailboxes = [\"a b\"]",
            "mailboxes[0]: must be what stands before the @ of an address",
        ),
        (
            "reporters = [\"a b\"]",
            "reporters[0]: must be a domain such as mail.example.com",
        ),
        (
            "smtp = [\"127.0.0.1:25\", \"127.0.0.1:25\"]",
            "smtp: names a socket twice, here or in inbound.lmtp",
        ),
    ] {
        let expected = format!("postrider.toml:2: inbound.{fault}");
        check(&format!("[inbound]\n{text}"), &expected);
    }
    check(
        "[retention]\ninbound_days = 0",
        "postrider.toml:2: retention.inbound_days: must be from 1 to 3650",
    );
}
