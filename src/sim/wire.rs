//! A simulated host's end of a connection: `smtp::guest`, in text, as slow as the host, and with chunks.
//!
//! Promises: a stop ends every wait. Leaves meaning to `command` and `session`.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::smtp::guest::{BadLine, Gone, Guest, Manner};

/// No sender is hurried; a stop of the small internet waits for nobody.
const MANNER: Manner = Manner {
    patience: Duration::from_mins(5),
    letter_patience: Duration::from_hours(1),
    breaks_off: true,
};

/// A connection of one sender.
pub(super) struct Wire<S> {
    sender: Guest<S>,
    reply_delay: Duration,
    stop: CancellationToken,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// A fresh connection.
    pub(super) fn new(stream: S, reply_delay: Duration, stop: CancellationToken) -> Self {
        Self {
            sender: Guest::new(stream, MANNER, stop.clone()),
            reply_delay,
            stop,
        }
    }

    /// The bare stream, for TLS.
    pub(super) fn into_stream(self) -> S {
        self.sender.into_stream()
    }

    /// Puts a reply of one or more lines in line for sending.
    pub(super) async fn say(&mut self, reply: &str) -> Result<(), Gone> {
        self.hesitate().await?;
        self.sender.say(reply);
        Ok(())
    }

    async fn hesitate(&mut self) -> Result<(), Gone> {
        if self.reply_delay.is_zero() {
            return Ok(());
        }
        self.sender.flush().await?;
        let wait = self.stop.run_until_cancelled(sleep(self.reply_delay));
        wait.await.ok_or(Gone::Stopping)
    }

    /// Sends what waits.
    pub(super) async fn flush(&mut self) -> Result<(), Gone> {
        self.sender.flush().await
    }

    /// Says a last reply and ends the connection in order.
    pub(super) async fn close(&mut self, reply: &str) -> Gone {
        if self.hesitate().await.is_ok() {
            self.sender.close(reply).await;
        }
        Gone::Closed
    }

    /// The next line.
    pub(super) async fn line(&mut self) -> Result<Result<String, BadLine>, Gone> {
        let line = self.sender.line().await?;
        Ok(line.and_then(|line| String::from_utf8(line).map_err(|_| BadLine::Garbage)))
    }

    /// The letter up to its final dot, unstuffed; `None` when it was larger than `max_bytes`.
    pub(super) async fn letter(&mut self, max_bytes: usize) -> Result<Option<Vec<u8>>, Gone> {
        let too_big = |bytes| (bytes > max_bytes).then_some(());
        Ok(self.sender.letter(too_big).await?.ok())
    }

    /// A chunk of that many bytes; `None`, though read, when it is larger than `max_bytes`.
    pub(super) async fn chunk(
        &mut self,
        size_bytes: usize,
        max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, Gone> {
        let mut left = size_bytes;
        let mut chunk = (size_bytes <= max_bytes).then(Vec::new);
        loop {
            let unread = self.sender.unread();
            let taken = &unread[..unread.len().min(left)];
            if let Some(chunk) = &mut chunk {
                chunk.extend_from_slice(taken);
            }
            let taken = taken.len();
            self.sender.skip(taken);
            left -= taken;
            if left == 0 {
                return Ok(chunk);
            }
            self.more().await?;
        }
    }

    /// Waits for at least one more byte.
    pub(super) async fn more(&mut self) -> Result<(), Gone> {
        self.sender.more().await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_chunk_ends_where_it_was_said_to_whatever_its_bytes_and_pieces() {
        let (mut sender, receiver) = duplex(3);
        let mut wire = Wire::new(receiver, Duration::ZERO, CancellationToken::new());
        let talk = sender.write_all(b"BDAT 6\r\n.\r\nxyzBDAT 9\r\n123456789\xff\r\n");
        let read = async {
            assert_eq!(wire.line().await, Ok(Ok("BDAT 6\r\n".to_owned())));
            assert_eq!(wire.chunk(6, 6).await, Ok(Some(b".\r\nxyz".to_vec())));
            assert_eq!(wire.line().await, Ok(Ok("BDAT 9\r\n".to_owned())));
            assert_eq!(wire.chunk(9, 8).await, Ok(None));
            assert_eq!(wire.line().await, Ok(Err(BadLine::Garbage)));
        };
        let (said, ()) = tokio::join!(talk, read);
        said.unwrap();
    }
}
