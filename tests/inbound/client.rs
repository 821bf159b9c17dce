//! A mail server that hands reports over, and says whatever a test wants.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

/// A door that says nothing for so long is broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// One connection.
pub(crate) struct Client<S>(BufReader<S>);

impl Client<TcpStream> {
    /// Connects and hears the greeting.
    pub(crate) async fn connect(door: SocketAddr) -> (Self, String) {
        let stream = TcpStream::connect(door).await.unwrap();
        let mut client = Self(BufReader::new(stream));
        let greeting = client.hear().await;
        (client, greeting)
    }

    /// The bare stream, for TLS.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.0.into_inner()
    }
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Client<S> {
    /// Goes on over another stream.
    pub(crate) fn over(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// Says bytes and hears nothing.
    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        assert!(self.can_say(bytes).await);
    }

    /// The same, to a door that may be closed by now.
    pub(crate) async fn can_say(&mut self, bytes: &[u8]) -> bool {
        let stream = self.0.get_mut();
        stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok()
    }

    /// One reply, its lines joined; empty when the door has closed.
    pub(crate) async fn hear(&mut self) -> String {
        let mut whole = String::new();
        loop {
            let mut line = String::new();
            let read = timeout(PATIENCE, self.0.read_line(&mut line)).await;
            // A door that is gone says nothing more.
            if read.expect("the door answers").unwrap_or(0) == 0 {
                return whole;
            }
            whole.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return whole.trim_end().to_owned();
            }
        }
    }

    /// One command and its reply.
    pub(crate) async fn ask(&mut self, command: &str) -> String {
        self.say(format!("{command}\r\n").as_bytes()).await;
        self.hear().await
    }

    /// A whole mail after a hello; returns the reply to its final dot, or the first refusal.
    pub(crate) async fn mail(&mut self, to: &[&str], text: &str) -> String {
        let mut commands = vec!["MAIL FROM:<>".to_owned()];
        commands.extend(to.iter().map(|to| format!("RCPT TO:<{to}>")));
        commands.push("DATA".to_owned());
        for command in commands {
            let reply = self.ask(&command).await;
            if !reply.starts_with(['2', '3']) {
                return reply;
            }
        }
        let stuffed = text.replace("\r\n.", "\r\n..");
        self.say(stuffed.as_bytes()).await;
        self.ask(".").await
    }
}

/// Hands one mail over as a careful server does.
pub(crate) async fn hand_over(door: SocketAddr, to: &str, text: &str) -> String {
    let (mut client, greeting) = Client::connect(door).await;
    assert!(greeting.starts_with("220 "), "{greeting}");
    client.ask("EHLO mx.reader.example").await;
    let reply = client.mail(&[to], text).await;
    client.ask("QUIT").await;
    reply
}
