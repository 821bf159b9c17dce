//! A receiver that plays a script on a real socket.
//!
//! A script is text, one step a line: `S line` says it, `C PREFIX` hears a line that starts so, `M` hears a message up to its
//! dot, `K` hears a chunk (RFC 3030), `BYTES n` hears so many octets, `RAW text` says it without a line end (`\r`, `\n`, `\0` and `\xff` are understood),
//! `DRIP` says everything that follows octet by octet, `FLOOD n text` says the text so often, `TLS` shakes hands, `SILENCE`
//! waits until the client leaves. At its end the connection closes.

use std::{net::SocketAddr, sync::Arc};

use rustls::{ServerConfig, pki_types::CertificateDer};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A certificate for `mx.example.com` that nobody vouches for.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    config: Arc<ServerConfig>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["mx.example.com".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.into())
            .unwrap();
        Self {
            certificate,
            config: Arc::new(config),
        }
    }
}

/// A listening receiver; each script serves one connection, in order.
pub(crate) struct Receiver {
    pub(crate) socket: SocketAddr,
    listener: TcpListener,
    identity: Arc<Identity>,
}

impl Receiver {
    pub(crate) async fn start(identity: Arc<Identity>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            socket: listener.local_addr().unwrap(),
            listener,
            identity,
        }
    }

    /// Plays one script on the next connection; the messages it heard, unstuffed.
    pub(crate) async fn play(&self, script: &str) -> Vec<Vec<u8>> {
        self.played(script).await.messages
    }

    /// Plays one script, and keeps the connection without reading on until the other end of `wait` is gone.
    pub(crate) async fn play_until(&self, script: &str, wait: Receiving) {
        let play = self.played(script).await;
        let _ = wait.await;
        drop(play);
    }

    async fn played(&self, script: &str) -> Play {
        let (wire, _) = self.listener.accept().await.unwrap();
        wire.set_nodelay(true).unwrap();
        let mut play = Play {
            wire: Some(BufReader::new(Box::new(wire))),
            drip: false,
            messages: Vec::new(),
        };
        for step in script
            .lines()
            .map(str::trim)
            .filter(|step| !step.is_empty())
        {
            if play.step(step, &self.identity).await.is_none() {
                break;
            }
        }
        play
    }
}

type Receiving = tokio::sync::oneshot::Receiver<()>;

struct Play {
    wire: Option<BufReader<Box<dyn Stream>>>,
    drip: bool,
    messages: Vec<Vec<u8>>,
}

impl Play {
    /// `None` when the client has left.
    async fn step(&mut self, step: &str, identity: &Identity) -> Option<()> {
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        match word {
            "S" => self.say(format!("{rest}\r\n").as_bytes()).await,
            "RAW" => self.say(&unescaped(rest)).await,
            "FLOOD" => {
                let (count, text) = rest.split_once(' ').unwrap();
                let flood = unescaped(text).repeat(count.parse().unwrap());
                self.say(&flood).await
            }
            "DRIP" => {
                self.drip = true;
                Some(())
            }
            "C" => {
                let line = self.line().await?;
                assert!(
                    line.starts_with(rest.as_bytes()),
                    "heard {line:?} instead of {rest}"
                );
                Some(())
            }
            "M" => self.message().await,
            "K" => self.chunk().await,
            "BYTES" => {
                let mut octets = vec![0; rest.parse().unwrap()];
                self.wire().read_exact(&mut octets).await.ok().map(drop)
            }
            "TLS" => self.shake_hands(identity).await,
            "SILENCE" => {
                let mut ignored = Vec::new();
                self.wire().read_to_end(&mut ignored).await.ok().map(drop)
            }
            _ => unreachable!("no such step: {step}"),
        }
    }

    fn wire(&mut self) -> &mut BufReader<Box<dyn Stream>> {
        self.wire
            .as_mut()
            .expect("only a handshake takes the wire away")
    }

    async fn say(&mut self, octets: &[u8]) -> Option<()> {
        let step = if self.drip { 1 } else { octets.len().max(1) };
        for piece in octets.chunks(step) {
            self.wire().write_all(piece).await.ok()?;
            self.wire().flush().await.ok()?;
        }
        Some(())
    }

    async fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let count = self.wire().read_until(b'\n', &mut line).await.ok()?;
        (count > 0).then_some(line)
    }

    async fn chunk(&mut self) -> Option<()> {
        let line = String::from_utf8(self.line().await?).unwrap();
        let size = line.trim_end().strip_prefix("BDAT ");
        let size = size.and_then(|rest| rest.strip_suffix(" LAST"));
        let size = size.unwrap_or_else(|| panic!("heard {line:?} instead of BDAT"));
        let mut chunk = vec![0; size.parse().unwrap()];
        self.wire().read_exact(&mut chunk).await.ok()?;
        self.messages.push(chunk);
        Some(())
    }

    async fn message(&mut self) -> Option<()> {
        let mut message = Vec::new();
        loop {
            let line = self.line().await?;
            if line == b".\r\n" {
                self.messages.push(message);
                return Some(());
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    async fn shake_hands(&mut self, identity: &Identity) -> Option<()> {
        let wire = self.wire.take().unwrap().into_inner();
        let acceptor = TlsAcceptor::from(Arc::clone(&identity.config));
        let stream = acceptor.accept(wire).await.ok()?;
        self.wire = Some(BufReader::new(Box::new(stream)));
        Some(())
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let plain = text
        .replace("\\r", "\r")
        .replace("\\n", "\n")
        .replace("\\0", "\0");
    let mut octets = Vec::new();
    for (at, piece) in plain.split("\\xff").enumerate() {
        octets.extend(std::iter::repeat_n(0xff, usize::from(at > 0)));
        octets.extend_from_slice(piece.as_bytes());
    }
    octets
}

/// A connection to it, as `net` opens them.
pub(crate) async fn connect(receiver: &Receiver) -> TcpStream {
    use postrider::{net::Tcp, port::Dial};
    let tcp = Tcp {
        reroute: [([192, 0, 2, 1].into(), receiver.socket)].into(),
        only_reroute: true,
        ..Tcp::default()
    };
    tcp.dial(None, [192, 0, 2, 1].into()).await.unwrap()
}
