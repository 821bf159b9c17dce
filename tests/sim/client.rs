//! A hand-written SMTP client, so that the small internet is not tested with the code it is there to test.

use std::{net::SocketAddr, sync::Arc};

use postrider::sim::{Dialect, Plan, SmallInternet, Temper, plan::ProviderPlan};
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(crate) struct Client(BufReader<Box<dyn Stream>>);

pub(crate) const SENDER: &str = "bounce+1@example.com";

pub(crate) const LETTER: &str = "From: news@example.com\r\nTo: anna@mail.example\r\n\
    Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nSubject: hello\r\n\r\nhello\r\n";

impl Client {
    /// Connects and returns the greeting too.
    pub(crate) async fn greeted(to: SocketAddr) -> (Self, String) {
        let stream = TcpStream::connect(to).await.unwrap();
        let mut client = Self(BufReader::new(Box::new(stream)));
        let greeting = client.reply().await;
        (client, greeting)
    }

    pub(crate) async fn connect(to: SocketAddr) -> Self {
        let (mut client, greeting) = Self::greeted(to).await;
        assert!(greeting.starts_with("220 "), "{greeting}");
        assert!(
            client
                .say("EHLO out.example.com")
                .await
                .contains("PIPELINING")
        );
        client
    }

    /// One whole reply, its lines joined; empty when the line was cut.
    pub(crate) async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            let size = self.0.read_line(&mut line).await.unwrap_or(0);
            reply.push_str(line.trim_end());
            if size == 0 || line.as_bytes().get(3) != Some(&b'-') {
                return reply;
            }
            reply.push('\n');
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // A receiver may cut the line while we speak; the missing reply shows it.
        let _ = self.0.write_all(bytes).await;
        let _ = self.0.flush().await;
    }

    pub(crate) async fn say(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n").as_bytes()).await;
        self.reply().await
    }

    /// Hands a letter over as a careful sender does; returns the reply that decided.
    pub(crate) async fn hand_over(
        &mut self,
        sender: &str,
        recipient: &str,
        letter: &str,
    ) -> String {
        for command in [
            format!("MAIL FROM:<{sender}>"),
            format!("RCPT TO:<{recipient}>"),
            "DATA".to_owned(),
        ] {
            let reply = self.say(&command).await;
            if !reply.starts_with(['2', '3']) {
                if !reply.is_empty() && !reply.starts_with("421") {
                    assert!(self.say("RSET").await.starts_with("250"));
                }
                return reply;
            }
        }
        self.send(format!("{letter}.\r\n").as_bytes()).await;
        self.reply().await
    }

    /// Goes on under TLS, with whatever certificate the host shows.
    pub(crate) async fn start_tls(self) -> Self {
        self.start_tls_slipping_in("").await
    }

    /// The same, with commands in clear right behind `STARTTLS`, as an attacker on the line puts them (RFC 3207 §6).
    pub(crate) async fn start_tls_slipping_in(mut self, commands: &str) -> Self {
        self.send(format!("STARTTLS\r\n{commands}").as_bytes())
            .await;
        assert!(self.reply().await.starts_with("220"));
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate))
            .with_no_client_auth();
        let name = ServerName::try_from("mx.mail.example").unwrap();
        let stream = TlsConnector::from(Arc::new(config));
        let stream = stream.connect(name, self.0.into_inner()).await.unwrap();
        Self(BufReader::new(Box::new(stream)))
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Opportunistic TLS: the handshake's own signature is checked, the certificate is not.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// One provider for mail.example, with one host.
pub(crate) fn one_provider(seed: u64, dialect: Dialect, temper: Temper) -> Plan {
    let provider = ProviderPlan::new("it", dialect, temper);
    Plan::empty(seed).with(provider.serving(&["mail.example"], &["mx.mail.example"]))
}

/// That provider, and where it listens.
pub(crate) async fn start(dialect: Dialect, temper: Temper) -> (SmallInternet, SocketAddr) {
    let internet = SmallInternet::start(one_provider(1, dialect, temper))
        .await
        .unwrap();
    let socket = *internet.reroute().values().next().unwrap();
    (internet, socket)
}
