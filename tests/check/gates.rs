//! Keys that wait for DNS, and gates that are shut: what an operator types and reads.

use super::green::Operator;

impl Operator {
    /// Exit code and both outputs of a command that may fail.
    fn attempt(&self, line: &str) -> (Option<i32>, String) {
        let output = self.command(line).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }

    fn states(&mut self) -> Vec<(String, String)> {
        let list = self.run("dkim list --json");
        let keys = list
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let text = |key: &serde_json::Value, name: &str| key[name].as_str().unwrap().to_owned();
        keys.map(|key| (text(&key, "selector"), text(&key, "state")))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_takes_over_only_when_dns_shows_it() {
    let mut operator = Operator::new().await;
    operator.run("dkim new example.com --selector a1");
    assert_eq!(operator.attempt("dkim publish example.com").0, Some(1));
    let zone = operator.run("dns example.com");
    operator.internet.publish_zone(&zone).unwrap();
    assert_eq!(operator.attempt("dkim publish example.com").0, Some(0));
    // The first rotation makes the next key, which does not sign yet.
    let made = operator.run("dkim rotate example.com --json");
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let next = made["selector"].as_str().unwrap().to_owned();
    let (code, said) = operator.attempt("dkim rotate example.com");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("DNS does not show"), "{said}");
    let sorted = |mut states: Vec<(String, String)>| {
        states.sort();
        states
    };
    let pair = |selector: &str, state: &str| (selector.to_owned(), state.to_owned());
    let states = sorted(operator.states());
    assert!(states.contains(&pair("a1", "signs")), "{states:?}");
    operator
        .internet
        .publish_zone(made["zone"].as_str().unwrap())
        .unwrap();
    operator.run("dkim rotate example.com");
    let states = sorted(operator.states());
    assert_eq!(
        states,
        sorted(vec![pair("a1", "retired"), pair(&next, "signs")])
    );
    let (code, said) = operator.attempt(&format!("dkim retire example.com {next}"));
    assert_eq!(code, Some(1), "{said}");
    // The old record must stay for a while: nobody is told to revoke it yet.
    let (_, text) = operator.check().await;
    assert!(!text.contains("dkim."), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_shut_gate_is_named() {
    let mut operator = Operator::new().await;
    operator.run("dkim new example.com");
    let zone = "mail.ru. MX 10 mxs.mail.ru.\nmxs.mail.ru. A 192.0.2.50\nclosed.example. MX 0 .";
    operator.internet.publish_zone(zone).unwrap();
    let (code, said) = operator.attempt("why-not olga@mail.ru --stream marketing");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("mailru: mxs.mail.ru"), "{said}");
    operator.run("suppression add anna@mail.ru --scope marketing");
    let (code, said) = operator.attempt("why-not anna@mail.ru --stream marketing");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("suppression  shut"), "{said}");
    assert_eq!(
        operator
            .attempt("why-not anna@mail.ru --stream transactional")
            .0,
        Some(0)
    );
    let (code, said) = operator.attempt("why-not olga@closed.example");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("route"), "{said}");
    operator.run("queue hold --domain mail.ru --reason incident --author ops");
    let (code, said) = operator.attempt("why-not olga@mail.ru");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("hold") && said.contains("incident"), "{said}");
    let (code, said) = operator.attempt("why-not olga@mail.ru --stream nonsense");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the streams are"), "{said}");
}
