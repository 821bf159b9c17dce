//! A letter of the benches as it goes over the wire, made by the product's own hands.

use anyhow::{Context, Result};
use postrider::{compose::compose, dkim, engine::Desk, net::SystemClock, port::Clock};

use crate::letters::Letters;

/// The octets of the n-th letter, with our signature or without.
pub(crate) fn message(
    desk: &Desk,
    letters: &Letters,
    number: usize,
    signed: bool,
) -> Result<Vec<u8>> {
    let now = SystemClock.now();
    let letter = letters.letter(number, now)?;
    let stream = desk.streams.get(&letter.stream).context("no stream")?;
    let composed = compose(
        &letter,
        &stream.style,
        &desk.identity,
        &desk.templates.get(),
        now,
    )
    .map_err(|fault| anyhow::anyhow!("{fault}"))?;
    if !signed {
        return Ok(composed.message().to_vec());
    }
    let signed = dkim::sign(&desk.keyring.get(), &composed, now);
    let signed = signed.map_err(|fault| anyhow::anyhow!("{fault}"))?;
    Ok(signed.bytes().to_vec())
}
