//! Temporary.
use postrider::{
    bounce::mail,
    mail::{Class, Term},
};
use std::io::Write as _;
fn main() {
    let crlf = std::env::var("CRLF").is_ok();
    let out = std::io::stdout();
    let mut out = std::io::BufWriter::new(out.lock());
    for path in std::env::args().skip(1) {
        let mut bytes = std::fs::read(&path).unwrap();
        if crlf {
            bytes = bytes
                .iter()
                .copied()
                .filter(|b| *b != b'\r')
                .flat_map(|b| {
                    if b == b'\n' {
                        vec![b'\r', b'\n']
                    } else {
                        vec![b]
                    }
                })
                .collect();
        }
        let report = mail::read(&bytes);
        let mut rec: Vec<_> = report.recipients.iter().map(|t| {
            let perm = t.is_permanent();
let hard = t.finding.as_ref().is_some_and(|f| matches!(f.class, Class::BadMailbox | Class::BadDomain) && f.term == Term::Permanent) && t.action == postrider::mail::Action::Failed && perm;
            let class = t.finding.as_ref().map_or("delivered", |f| f.class.name());
            serde_json::json!({"address": t.address, "also": t.also, "action": t.action.name(), "status": t.enhanced.map(|e| e.to_string()), "class": class, "permanent": perm, "hard": hard, "rule": t.finding.as_ref().map(|f| f.rule.clone()), "words": t.words})
        }).collect();
        let fb = report.complaint.as_ref().map(|c| serde_json::json!({"feedback_type": c.feedback_type, "user_agent": c.user_agent, "source_ip": c.source_ip, "arrival_epoch": c.arrived_at.map(|a| a.seconds()), "original_mail_from": c.original_mail_from, "original_message_id": c.original_message_id}));
        if let Some(c) = &report.complaint {
            rec.extend(
                c.original_rcpt_to
                    .iter()
                    .map(|a| serde_json::json!({"address": a})),
            );
        }
        let name = std::path::Path::new(&path)
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        writeln!(out, "{}", serde_json::json!({"file": name, "kind": report.kind.name(), "form": report.form, "recipients": rec, "feedback": fb})).unwrap();
    }
}
