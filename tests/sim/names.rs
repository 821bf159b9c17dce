//! The private DNS as a real resolver sees it, and the standard population behind it.

use std::{net::SocketAddr, time::Duration};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{RData, RecordType},
};
use postrider::sim::{Mailbox, Plan, Population, SmallInternet};

use crate::client::{Client, LETTER, SENDER};

fn resolver(dns: SocketAddr) -> TokioResolver {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = dns.port();
        connection
    });
    let server = NameServerConfig::new(dns.ip(), true, connections.to_vec());
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut options = ResolverOpts::default();
    options.timeout = Duration::from_secs(1);
    options.attempts = 1;
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.with_options(options).build().unwrap()
}

/// The answer to one question, in words.
async fn ask(resolver: &TokioResolver, name: &str, kind: RecordType) -> String {
    match resolver.lookup(format!("{name}."), kind).await {
        Ok(lookup) => {
            let wanted = lookup
                .answers()
                .iter()
                .filter(|record| record.record_type() == kind);
            let mut texts: Vec<String> = wanted.map(|record| record.data.to_string()).collect();
            texts.sort();
            texts.join(" | ")
        }
        Err(error) if error.is_nx_domain() => "no such domain".to_owned(),
        Err(error) if error.is_no_records_found() => "none".to_owned(),
        Err(NetError::Timeout) => "time-out".to_owned(),
        Err(error) => format!("trouble: {error}"),
    }
}

#[tokio::test]
async fn every_kind_of_domain_answers_as_such_domains_do() {
    use RecordType::{A, AAAA, MX};
    let internet = SmallInternet::start(Plan::demo(1)).await.unwrap();
    let resolver = resolver(internet.dns());
    for (name, kind, expected) in [
        (
            "gmail.com",
            MX,
            "10 gmail-smtp-in.l.google.com. | 20 alt1.gmail-smtp-in.l.google.com.",
        ),
        ("bk.ru", MX, "10 mxs.mail.ru."),
        ("ya.ru", MX, "10 mx.yandex.ru."),
        ("rambler.ru", MX, "10 inmx.rambler.ru."),
        (
            "hotmail.com",
            MX,
            "10 hotmail-com.olc.protection.outlook.com.",
        ),
        ("firma-017.example", MX, "10 mx.yandex.net."),
        ("zavod-042.example", MX, "10 mx.zavod-042.example."),
        (
            "zavod-058.example",
            MX,
            "10 mx1.half-dead.example. | 20 mx2.half-dead.example.",
        ),
        ("implicit.example", MX, "none"),
        ("nullmx.example", MX, "0 ."),
        ("gone.example", MX, "no such domain"),
        ("dangling.example", MX, "10 nowhere.dangling.example."),
        ("nowhere.dangling.example", A, "no such domain"),
        ("mx.six.example", A, "none"),
        ("hosting.example", MX, "none"),
    ] {
        assert_eq!(ask(&resolver, name, kind).await, expected, "{name} {kind}");
    }
    assert!(ask(&resolver, "implicit.example", A).await.contains('.'));
    assert!(
        ask(&resolver, "mx.six.example", AAAA)
            .await
            .starts_with("2001:db8::")
    );
    for name in ["servfail.example", "loop.example", "noanswer.example"] {
        let answer = ask(&resolver, name, MX).await;
        assert!(
            !answer.contains("example. |") && answer != "no such domain",
            "{name}: {answer}"
        );
        assert!(!answer.starts_with("10 "), "{name}: {answer}");
    }
    assert!(
        ask(&resolver, "servfail.example", MX)
            .await
            .starts_with("trouble")
    );
    internet.stop().await;
}

#[tokio::test]
async fn a_published_key_is_read_whole_although_it_does_not_fit_a_packet() {
    let internet = SmallInternet::start(Plan::empty(1)).await.unwrap();
    let resolver = resolver(internet.dns());
    let name = "k1._domainkey.example.com";
    let record = format!("v=DKIM1; k=rsa; p={}", "A".repeat(1_500));
    internet.publish_txt(name, &record);
    let lookup = resolver.txt_lookup(format!("{name}.")).await.unwrap();
    let RData::TXT(text) = &lookup.answers()[0].data else {
        panic!("not a text");
    };
    assert_eq!(text.txt_data.concat(), record.as_bytes());
    internet.stop().await;
}

/// The socket of the first of a domain's hosts that takes connections, found as a sender finds it.
async fn open(internet: &SmallInternet, resolver: &TokioResolver, domain: &str) -> Option<Client> {
    let mut hosts = ask(resolver, domain, RecordType::MX).await;
    if hosts == "none" {
        hosts = format!("0 {domain}.");
    }
    for host in hosts.split(" | ") {
        let name = host.split(' ').nth(1)?.trim_end_matches('.');
        let address = ask(resolver, name, RecordType::A).await;
        let socket = internet.reroute().get(&address.parse().ok()?).copied()?;
        if tokio::net::TcpStream::connect(socket).await.is_ok() {
            return Some(Client::connect(socket).await);
        }
    }
    None
}

#[tokio::test]
async fn the_standard_population_gets_letters_just_where_its_mailboxes_are_good() {
    let plan = Plan::demo(3);
    let people = Population::of(&plan);
    let internet = SmallInternet::start(plan).await.unwrap();
    let resolver = resolver(internet.dns());
    let (mut good, mut bad, mut nowhere) = (0, 0, 0);
    for person in people.recipients(400) {
        let domain = person.address.rsplit('@').next().unwrap();
        let Some(mut client) = open(&internet, &resolver, domain).await else {
            nowhere += 1;
            continue;
        };
        let letter = LETTER.replace("anna@mail.example", &person.address);
        let reply = client.hand_over(SENDER, &person.address, &letter).await;
        if person.mailbox == Mailbox::Good {
            assert!(!reply.starts_with('5') || reply.contains("spam"), "{reply}");
            good += u64::from(reply.starts_with("250"));
        } else {
            assert!(reply.starts_with(['4', '5']), "{}: {reply}", person.address);
            bad += 1;
        }
        client.say("QUIT").await;
    }
    assert!(
        good > 300 && bad > 2 && nowhere < 15,
        "{good} {bad} {nowhere}"
    );
    assert!(internet.stop().await.accepted() >= good);
}
