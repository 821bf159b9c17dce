//! `postrider bounce explain`: a refusal, the rule that reads it, and what would happen.
//!
//! Owns the command and its options. Promises: it asks the same rules and the same judge as a live talk and changes nothing;
//! one thing that cannot be read stops no other. Read [`super::reply`] for one reply, [`super::replies`] for files of them, [`super::mails`] for
//! mails that came back.

use std::{io, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Args;

use super::{
    super::{out::Out, pieces},
    mails,
    outcome::Bench,
    replies, reply,
    talk::{self, Talk},
};
use crate::{
    mail::{Provider, Stage},
    policy::{StreamKind, StreamPolicy},
};

/// Say what refusals mean, by which rule, and what would happen to the letter.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(in crate::cli) struct Explain {
    /// Reply lines, each one argument; mails that came back, as files or as a Maildir or another folder of files; `-` reads
    /// one reply per line from standard input [default: -]
    #[arg(value_name = "REPLY|MAIL")]
    what: Vec<String>,
    /// Read a file of JSON objects, one per line, with `id`, `line` and perhaps `provider` and `stage`; print `id`, `class`,
    /// `hard` and `rule` of each. `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "what")]
    replies: Option<PathBuf>,
    /// Who refuses: google, yahoo, outlook, office365, apple, gmx, mailru, yandex, rambler, other, or the name of an MX host.
    #[arg(long, default_value = "other", value_parser = talk::provider)]
    provider: Provider,
    /// The step of the talk that was refused: banner, ehlo, starttls, auth, `mail_from`, `rcpt_to`, data, `final_dot`.
    #[arg(long, default_value = "rcpt_to", value_parser = talk::stage)]
    stage: Stage,
    /// Judge as for a letter of a stream of this kind: transactional, trigger, marketing.
    #[arg(long, default_value = "marketing", value_parser = kind)]
    kind: StreamKind,
}

const AFTER: &str = "\
Examples:
  postrider bounce explain '550 5.1.1 No such user'
  postrider bounce explain --provider yandex --stage final_dot '554 5.7.1 Message rejected under suspicion of SPAM'
  postrider bounce explain --json --replies replies.jsonl
  postrider bounce explain ~/Maildir
  postrider bounce explain --json *.eml";

impl Explain {
    pub(super) fn run(self, out: &mut Out) -> Result<ExitCode> {
        let bench = Bench::new(StreamPolicy::standard(self.kind.name(), self.kind));
        let talk = Talk {
            stage: self.stage,
            provider: self.provider,
        };
        let all_read = match &self.replies {
            Some(path) => replies::explain(pieces::open(path)?, talk, &bench, out)?,
            None => each(&self.what, talk, &bench, out)?,
        };
        Ok(ExitCode::from(u8::from(!all_read)))
    }
}

/// Explains every argument; `true` when all could be read.
fn each(what: &[String], talk: Talk, bench: &Bench, out: &mut Out) -> Result<bool> {
    let standard_input = ["-".to_owned()];
    let what = if what.is_empty() {
        &standard_input
    } else {
        what
    };
    let mut all_read = true;
    for one in what {
        all_read &= match one.as_str() {
            "-" => reply::explain_lines(io::stdin(), talk, bench, out)?,
            path if mails::is_mail(path) => mails::explain(path.as_ref(), bench, out)?,
            line => reply::explain(line, "", talk, bench, out)?,
        };
    }
    Ok(all_read)
}

fn kind(name: &str) -> Result<StreamKind, String> {
    StreamKind::parse(name).ok_or_else(|| {
        let names = StreamKind::ALL.map(StreamKind::name).join(", ");
        format!("the kinds are {names}")
    })
}
