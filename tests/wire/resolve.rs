//! What DNS answers become, with real packets.

use std::time::Duration;

use postrider::{
    mail::Domain,
    net::{Resolver, ResolverOptions},
    port::{Dns, HostAnswer, MxAnswer},
};

use super::names::Names;

fn resolver(names: &Names) -> Resolver {
    let options = ResolverOptions {
        servers: vec![names.socket],
        // Only the silent name waits for it; a loaded machine must still answer the others in time.
        timeout: Duration::from_millis(300),
        attempts: 1,
        patience: Duration::from_secs(10),
        ipv6: true,
        ..ResolverOptions::default()
    };
    Resolver::new(&options).unwrap()
}

async fn mx(resolver: &Resolver, domain: &str) -> String {
    match resolver.mx(&Domain::parse(domain).unwrap()).await {
        MxAnswer::Hosts(mut hosts) => {
            hosts.sort();
            let words = hosts
                .iter()
                .map(|(preference, name)| format!("{preference} {name:?}"));
            words.collect::<Vec<_>>().join(", ")
        }
        MxAnswer::None => "no MX".to_owned(),
        MxAnswer::NoSuchDomain => "no such domain".to_owned(),
        MxAnswer::Trouble(_) => "trouble".to_owned(),
    }
}

async fn addresses(resolver: &Resolver, host: &str) -> String {
    match resolver.addresses(host).await {
        HostAnswer::Addresses(found) => {
            let words: Vec<String> = found.iter().map(ToString::to_string).collect();
            format!("[{}]", words.join(" "))
        }
        HostAnswer::NoSuchHost => "no such host".to_owned(),
        HostAnswer::Trouble(_) => "trouble".to_owned(),
    }
}

#[tokio::test]
async fn mx_answers_are_told_apart() {
    let names = Names::start().await;
    let resolver = resolver(&names);
    let plain = "10 \"mx1.plain.example\", 20 \"mx2.plain.example\"";
    for (domain, expected) in [
        ("plain.example", plain),
        ("alias.example", plain),
        ("null.example", "0 \"\""),
        ("web.example", "no MX"),
        ("unsigned.example", "no MX"),
        ("bare-alias.example", "no MX"),
        ("gone.example", "no such domain"),
        ("tomb.example", "no such domain"),
        ("broken.example", "trouble"),
        ("silent.example", "trouble"),
        ("loop.example", "trouble"),
        ("self.example", "trouble"),
    ] {
        assert_eq!(mx(&resolver, domain).await, expected, "{domain}");
    }
}

#[tokio::test]
async fn hosts_are_told_apart() {
    let names = Names::start().await;
    let resolver = resolver(&names);
    for (host, expected) in [
        ("mx1.plain.example", "[192.0.2.1 192.0.2.2 2001:db8::1]"),
        ("web.example", "[192.0.2.80]"),
        ("half.example", "[192.0.2.9]"),
        ("null.example", "[]"),
        ("gone.example", "no such host"),
        ("broken.example", "trouble"),
        ("silent.example", "trouble"),
        ("loop.example", "trouble"),
        ("192.0.2.7", "[192.0.2.7]"),
        ("a..b", "trouble"),
    ] {
        assert_eq!(addresses(&resolver, host).await, expected, "{host}");
    }
}

#[tokio::test]
async fn an_answer_too_long_for_udp_comes_over_tcp() {
    let names = Names::start().await;
    let resolver = resolver(&names);
    let Ok(domain) = Domain::parse("many.example") else {
        unreachable!("it is a domain")
    };
    let MxAnswer::Hosts(hosts) = resolver.mx(&domain).await else {
        unreachable!("the zone has a hundred hosts")
    };
    assert_eq!(hosts.len(), 100);
    assert_eq!(names.asked("udp many.example. MX"), 1);
    assert_eq!(names.asked("tcp many.example. MX"), 1);
}

#[tokio::test]
async fn answers_are_remembered_the_negative_ones_too() {
    let names = Names::start().await;
    let resolver = resolver(&names);
    for _ in 0..3 {
        mx(&resolver, "plain.example").await;
        mx(&resolver, "gone.example").await;
        mx(&resolver, "web.example").await;
    }
    for question in ["plain.example.", "gone.example.", "web.example."] {
        assert_eq!(names.asked(&format!("udp {question} MX")), 1, "{question}");
    }
}
