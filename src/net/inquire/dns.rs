//! Questions to DNS, answered in the words of `check`.

use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::{
    check::{Data, Lookup, Question},
    net::resolver::{Resolver, Silence},
};

/// Texts longer than a whole packet cannot come.
pub(super) async fn look_up(dns: &Resolver, question: &Question) -> Lookup {
    let (name, kind) = match question {
        Question::Txt(name) => (name.clone(), RecordType::TXT),
        Question::Mx(name) => (name.clone(), RecordType::MX),
        Question::A(name) => (name.clone(), RecordType::A),
        Question::Aaaa(name) => (name.clone(), RecordType::AAAA),
        Question::Cname(name) => (name.clone(), RecordType::CNAME),
        Question::Soa(name) => (name.clone(), RecordType::SOA),
        Question::Ptr(address) => (Name::from(*address).to_ascii(), RecordType::PTR),
        _ => return Lookup::Trouble("not a question for DNS".to_owned()),
    };
    match dns.ask(&name, kind).await {
        Ok(records) => Lookup::Found(records.into_iter().filter_map(data).collect()),
        Err(Silence::NoSuchName) => Lookup::NoSuchName,
        Err(Silence::Trouble(what)) => Lookup::Trouble(what),
    }
}

fn data(record: RData) -> Option<Data> {
    let plain = |name: &Name| {
        name.to_ascii()
            .to_ascii_lowercase()
            .trim_end_matches('.')
            .to_owned()
    };
    Some(match record {
        RData::TXT(text) => {
            Data::Text(text.txt_data.iter().map(|string| string.to_vec()).collect())
        }
        RData::MX(mx) => Data::Host(mx.preference, plain(&mx.exchange)),
        RData::A(address) => Data::Address(address.0.into()),
        RData::AAAA(address) => Data::Address(address.0.into()),
        RData::CNAME(name) => Data::Name(plain(&name.0)),
        RData::PTR(name) => Data::Name(plain(&name.0)),
        RData::SOA(soa) => Data::Name(plain(&soa.mname)),
        _ => return None,
    })
}
