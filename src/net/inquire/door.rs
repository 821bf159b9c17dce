//! Who answers at port 25.
//!
//! Owns a talk of four commands that ends before DATA. A listener is ours when it takes the genuine recipient and refuses the
//! spoilt one.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Take},
    net::{TcpStream, tcp::OwnedReadHalf},
};

use crate::check::Door;

/// Greetings and offers are a few hundred octets.
const OCTETS_MAX: u64 = 16 << 10;

pub(super) async fn knock(to: SocketAddr, genuine: &str, forged: &str) -> Door {
    match talk(to, genuine, forged).await {
        Ok(door) => door,
        Err(error) => Door::Silent(error.to_string()),
    }
}

async fn talk(to: SocketAddr, genuine: &str, forged: &str) -> io::Result<Door> {
    let (reading, mut writing) = TcpStream::connect(to).await?.into_split();
    let mut replies = BufReader::new(reading.take(OCTETS_MAX));
    let greeting = reply(&mut replies).await?;
    let mut said = vec![greeting];
    for command in [
        "EHLO check.invalid".to_owned(),
        "MAIL FROM:<>".to_owned(),
        format!("RCPT TO:<{genuine}>"),
        format!("RCPT TO:<{forged}>"),
    ] {
        writing
            .write_all(format!("{command}\r\n").as_bytes())
            .await?;
        said.push(reply(&mut replies).await?);
    }
    // Whoever is gone by now has said enough.
    let _ = writing.write_all(b"QUIT\r\n").await;
    let is_taken = said[3].starts_with("250");
    let is_refused = said[4].starts_with("550");
    if is_taken && is_refused {
        return Ok(Door::Ours);
    }
    let telling = if is_taken { &said[4] } else { &said[3] };
    Ok(Door::Foreign(format!(
        "{}; to our recipient: {telling}",
        said[0]
    )))
}

/// The last line of a reply, clipped.
async fn reply(replies: &mut BufReader<Take<OwnedReadHalf>>) -> io::Result<String> {
    loop {
        let mut line = Vec::new();
        if replies.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it hung up"));
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if text.as_bytes().get(3) != Some(&b'-') {
            return Ok(text.chars().take(120).collect());
        }
    }
}
