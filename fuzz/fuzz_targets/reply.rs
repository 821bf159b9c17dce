//! Any bytes as a reply line and as the words of a report: never a panic, and no 4xx for good.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider::{
    bounce,
    mail::{Provider, Stage, Term},
};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, text)) = bytes.split_first() else {
        return;
    };
    let provider = Provider::ALL[usize::from(choice & 15) % Provider::ALL.len()];
    let stage = Stage::ALL[usize::from(choice >> 4) % Stage::ALL.len()];
    let text = String::from_utf8_lossy(text);
    bounce::classify_words(&text, None, None, provider);
    bounce::evidence_in_words(&text, None, None, provider);
    if let Some(reply) = bounce::reply_from_line(stage, &text) {
        let found = bounce::classify(&reply, provider);
        assert!(reply.is_permanent() || found.term == Term::Transient);
        bounce::evidence(&reply, provider);
    }
});
