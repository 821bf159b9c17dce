//! SPF as `check` judges it: cases of our own for the sections of RFC 7208, and the public test suite where it is at hand.
//!
//! The suite of openspf.org is no part of this repository. `POSTRIDER_SPF_SUITE` names it as JSON, one array of its documents:
//! `python3 -c 'import json,sys,yaml; json.dump([d for d in yaml.safe_load_all(open(sys.argv[1], encoding="latin-1")) if d], sys.stdout)' rfc7208-tests.yml`

use std::{collections::BTreeMap, net::IpAddr};

use postrider::check::{Answer, Book, Data, Lookup, Question, evaluate_spf};
use serde_json::Value;

use super::world::text_of;

/// What a zone says: by name and type.
#[derive(Default)]
struct Zone {
    records: BTreeMap<(String, &'static str), Vec<Data>>,
    silent: Vec<(String, Option<&'static str>)>,
}

impl Zone {
    fn add(&mut self, name: &str, kind: &'static str, data: Data) {
        let key = (name.to_ascii_lowercase(), kind);
        self.records.entry(key).or_default().push(data);
    }

    fn lookup(&self, name: &str, kind: &'static str, depth: usize) -> Lookup {
        let name = name.to_ascii_lowercase();
        let is_silent = |(silent, of): &(String, Option<&str>)| {
            *silent == name && of.is_none_or(|of| of == kind)
        };
        if self.silent.iter().any(is_silent) || depth > 8 {
            return Lookup::Trouble("no answer".to_owned());
        }
        if let Some([Data::Name(target)]) = self
            .records
            .get(&(name.clone(), "CNAME"))
            .map(Vec::as_slice)
        {
            return self.lookup(target, kind, depth + 1);
        }
        match self.records.get(&(name.clone(), kind)) {
            Some(data) => Lookup::Found(data.clone()),
            None if self.records.keys().any(|(known, _)| *known == name) => {
                Lookup::Found(Vec::new())
            }
            None => Lookup::NoSuchName,
        }
    }

    fn answer(&self, question: &Question) -> Answer {
        Answer::Dns(match question {
            Question::Txt(name) => self.lookup(name, "TXT", 0),
            Question::Mx(name) => self.lookup(name, "MX", 0),
            Question::A(name) => self.lookup(name, "A", 0),
            Question::Aaaa(name) => self.lookup(name, "AAAA", 0),
            Question::Ptr(address) => self.lookup(&address.to_string(), "PTR", 0),
            other => panic!("SPF asks nothing of the kind: {other:?}"),
        })
    }

    /// Asks as `app::check` does, until there is a verdict.
    fn judge(&self, address: IpAddr, sender: &str, ehlo: &str) -> &'static str {
        let mut book = Book::default();
        for _ in 0..40 {
            let verdict = evaluate_spf(&book, address, sender, ehlo);
            let wanted = book.take_wanted();
            if let Some(verdict) = verdict {
                return verdict.name();
            }
            assert!(!wanted.is_empty(), "no verdict, and nothing to ask");
            for question in wanted {
                let answer = self.answer(&question);
                book.learn(question, answer);
            }
        }
        "no verdict"
    }
}

fn kind(word: &str) -> Option<&'static str> {
    ["TXT", "A", "AAAA", "MX", "PTR", "CNAME"]
        .into_iter()
        .find(|kind| *kind == word)
}

fn text(pieces: &[&str]) -> Data {
    Data::Text(
        pieces
            .iter()
            .map(|piece| piece.as_bytes().to_vec())
            .collect(),
    )
}

fn data(kind: &str, value: &str) -> Data {
    let name = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    match kind {
        "TXT" if value.starts_with('"') => text(
            &value
                .split('"')
                .filter(|it| !it.trim().is_empty())
                .collect::<Vec<_>>(),
        ),
        "TXT" => text(&[value]),
        "A" | "AAAA" => Data::Address(value.parse().unwrap()),
        "MX" => {
            let (preference, host) = value.split_once(' ').unwrap();
            Data::Host(preference.parse().unwrap(), name(host))
        }
        _ => Data::Name(name(value)),
    }
}

#[test]
fn every_section_of_the_rfc_is_judged_as_it_says() {
    let (mut zone, mut case, mut wrong, mut asked) = (Zone::default(), "", Vec::new(), 0);
    let cases = text_of("spf.txt");
    for line in cases
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(name) = line.strip_prefix("? ") {
            (zone, case) = (Zone::default(), name);
            continue;
        }
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        if let Some(question) = line.strip_prefix(['=', '~']) {
            let [address, sender, ehlo, expected] =
                question.trim_start().split(' ').collect::<Vec<_>>()[..]
            else {
                panic!("{line}")
            };
            let sender = if sender == "-" { "" } else { sender };
            let found = zone.judge(address.parse().unwrap(), sender, ehlo);
            asked += 1;
            let is_known = line.starts_with('~');
            if (found == expected) == is_known {
                wrong.push(format!("{case}: {question}, found {found}"));
            }
        } else if words[1] == "FAIL" {
            zone.silent.push((words[0].to_owned(), None));
        } else {
            let kind = kind(words[1]).unwrap_or_else(|| panic!("{line}"));
            zone.add(words[0], kind, data(kind, words[2]));
        }
    }
    assert!(asked >= 60, "{asked} questions");
    assert_eq!(wrong, Vec::<String>::new());
}

/// Cases of the suite that are judged in another way, and what that means for `check`.
const DEVIATIONS: [(&str, &str); 11] = [
    (
        "modifier-charset-good",
        "an unknown modifier with dots in its name is called a fault",
    ),
    (
        "redirect-after-mechanisms2",
        "the same record, by a redirect",
    ),
    (
        "ptr-cname-loop",
        "aliases without end under `ptr` are a temporary error, not a missing match",
    ),
    (
        "a-colon-domain",
        "a name with a colon is called a fault; no such name exists",
    ),
    ("a-colon-domain-ip4mapped", "the same"),
    ("mx-colon-domain", "the same"),
    ("mx-colon-domain-ip4mapped", "the same"),
    (
        "a-cidr6-0-ip4mapped",
        "an IPv4 address within IPv6; no source has one",
    ),
    ("mx-cidr6-0-ip4mapped", "the same"),
    ("cidr6-0-ip4", "the same"),
    ("cidr6-ip4", "the same"),
];

fn zone_of(document: &Value) -> Zone {
    let mut zone = Zone::default();
    for (name, records) in document["zonedata"].as_object().unwrap() {
        let records = records.as_array().unwrap();
        let has_text = records.iter().any(|record| record.get("TXT").is_some());
        for record in records {
            let Some(record) = record.as_object() else {
                // A server that answers what is listed and nothing else.
                zone.silent.push((name.to_ascii_lowercase(), None));
                continue;
            };
            for (kind, value) in record {
                put(&mut zone, name, kind, value, has_text);
            }
        }
    }
    let answered: Vec<(String, &str)> = zone.records.keys().cloned().collect();
    let silent = std::mem::take(&mut zone.silent);
    for (name, _) in silent {
        let kinds = ["TXT", "A", "AAAA", "MX", "PTR"];
        let is_open = |kind: &&'static str| !answered.contains(&(name.clone(), *kind));
        let each = kinds.into_iter().filter(is_open);
        zone.silent
            .extend(each.map(|kind| (name.clone(), Some(kind))));
    }
    zone
}

fn put(zone: &mut Zone, name: &str, kind: &str, value: &Value, has_text: bool) {
    let words = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    match kind {
        "TXT" | "SPF" if kind == "SPF" && has_text => {}
        "TXT" if value == "NONE" => {}
        "TXT" | "SPF" => {
            let pieces: Vec<String> = value
                .as_array()
                .map_or_else(|| vec![words(value)], |all| all.iter().map(words).collect());
            // The suite is written in Latin-1: a character is an octet.
            let octets = pieces.iter().map(|piece| {
                piece
                    .chars()
                    .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
                    .collect()
            });
            zone.add(name, "TXT", Data::Text(octets.collect()));
        }
        "MX" => zone.add(
            name,
            "MX",
            data("MX", &format!("{} {}", value[0], words(&value[1]))),
        ),
        "PTR" => {
            zone.add(&address_of(name), "PTR", data("PTR", &words(value)));
        }
        _ => {
            let kind = self::kind(kind).unwrap_or_else(|| panic!("{kind}"));
            zone.add(name, kind, data(kind, &words(value)));
        }
    }
}

/// The address that a name below in-addr.arpa or ip6.arpa stands for.
fn address_of(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if let Some(octets) = lower.strip_suffix(".in-addr.arpa") {
        let parts: Vec<&str> = octets.rsplit('.').collect();
        return parts.join(".");
    }
    let digits: String = lower.trim_end_matches(".ip6.arpa").rsplit('.').collect();
    let groups: Vec<&str> = (0..8)
        .filter_map(|group| digits.get(group * 4..group * 4 + 4))
        .collect();
    let address: Result<IpAddr, _> = groups.join(":").parse();
    address.map_or(lower, |address| address.to_string())
}

#[test]
fn the_public_suite_is_judged_as_it_says() {
    let Ok(path) = std::env::var("POSTRIDER_SPF_SUITE") else {
        println!("SKIPPED: POSTRIDER_SPF_SUITE names no copy of the public SPF test suite");
        return;
    };
    let documents: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let (mut asked, mut wrong) = (0, Vec::new());
    for document in documents.as_array().unwrap() {
        let zone = zone_of(document);
        for (name, case) in document["tests"].as_object().unwrap() {
            let text = |key: &str| case[key].as_str().unwrap_or_default();
            let found = zone.judge(
                text("host").parse().unwrap(),
                text("mailfrom"),
                text("helo"),
            );
            let expected = &case["result"];
            let is_right = expected == found
                || expected
                    .as_array()
                    .is_some_and(|all| all.iter().any(|it| it == found));
            asked += 1;
            let is_known = DEVIATIONS.iter().any(|(known, _)| known == name);
            if is_right == is_known {
                wrong.push(format!(
                    "{name} ({}): expected {expected}, found {found}",
                    case["spec"]
                ));
            }
        }
    }
    println!(
        "{asked} cases of the public suite, {} deviations that are known",
        DEVIATIONS.len()
    );
    assert!(asked > 150, "{asked} cases");
    assert_eq!(wrong, Vec::<String>::new());
}
