//! Letters before they leave: what `compose::lint` costs, and how that stands to a bare `mail-parser` over the same letter.
//!
//! Owns the input: a letter of about 100 KB with hundreds of links and images, and one of usual size.

use std::hint::black_box;

use anyhow::Result;
use mail_parser::MessageParser;
use postrider::compose::lint::{Draft, lint};

use crate::{seconds_per_pass, table::Table};

/// A millisecond for 100 KB.
const GOAL_PER_SECOND: f64 = 1_000.0;

/// Letters in one pass, so that a pass is long enough for the clock.
const LETTERS: usize = 50;

const HEAD: &str = "From: Market <news@example.shop>\r\nTo: <a@example.shop>\r\nDate: Wed, 25 Nov 2026 18:00:00 +0000\r\n\
Message-ID: <1@example.shop>\r\nSubject: Offers\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n";

/// A letter whose HTML has so many offers, each of about 330 octets.
fn letter(offers: usize) -> Vec<u8> {
    let offer = "<tr><td style=\"padding:8px;color:#333333\"><a href=\"https://example.shop/offer/12345?utm=mail\"><img alt=\"Pipe\" \
        src=\"https://cdn.example.shop/i/12345.jpg\" width=\"120\"></a></td><td>Steel pipe 108 x 4 mm, certificate, delivery within a week, \
        <b>52 300</b> per ton. <a href=\"https://example.shop/offer/12345\">Compare this offer</a></td></tr>\r\n";
    let text = "Steel pipe 108 x 4 mm, certificate, delivery within a week, 52 300 per ton\r\n"
        .repeat(offers);
    let html = offer.repeat(offers);
    format!(
        "{HEAD}--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--b\r\nContent-Type: text/html\r\n\r\n<html><body><table>{html}</table></body></html>\r\n--b--\r\n"
    )
    .into_bytes()
}

pub(crate) fn measure(table: &mut Table) -> Result<()> {
    for (name, each, ratio, offers) in [
        (
            "lint: letters of 100 KB by one core",
            "  one of 100 KB",
            "  one of 100 KB, of a bare parse",
            240,
        ),
        (
            "lint: letters of 10 KB by one core",
            "  one of 10 KB",
            "  one of 10 KB, of a bare parse",
            24,
        ),
    ] {
        let message = letter(offers);
        let draft = Draft {
            message: &message,
            wants_unsubscribe: true,
            return_path: Some("bounce.example.shop"),
            signer: Some("example.shop"),
            locale: Some("en"),
        };
        let seconds = seconds_per_pass(|| {
            for _ in 0..LETTERS {
                black_box(lint(&draft));
            }
        })?;
        let count = LETTERS as f64;
        table.add(name, "letters/s", count / seconds);
        table.goal(name, GOAL_PER_SECOND);
        table.add(each, "us", seconds / count * 1e6);
        let parser = MessageParser::default();
        let parsing = seconds_per_pass(|| {
            for _ in 0..LETTERS {
                black_box(parser.parse(message.as_slice()));
            }
        })?;
        table.add(ratio, "%", seconds / parsing * 100.0);
    }
    Ok(())
}
