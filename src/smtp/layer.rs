//! The same connection in clear or under TLS.
//!
//! Owns [`Layer`], one type for both, so that a session is one type too. Promises: passes everything through,
//! vectored writes included. Leaves the handshake to `talk`.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::port::Wire;

/// A wire, in clear or under TLS.
pub(crate) enum Layer<W> {
    Clear(W),
    Tls(Box<TlsStream<W>>),
}

impl<W> Layer<W> {
    /// The certificates that the host showed; none in clear.
    pub(crate) fn certificates(&self) -> &[CertificateDer<'static>] {
        let Self::Tls(stream) = self else { return &[] };
        stream.get_ref().1.peer_certificates().unwrap_or_default()
    }

    /// Version and cipher suite; `None` in clear.
    pub(crate) fn tls_name(&self) -> Option<String> {
        let Self::Tls(stream) = self else { return None };
        let (_, connection) = stream.get_ref();
        let version = connection.protocol_version()?;
        let suite = connection.negotiated_cipher_suite()?.suite();
        let version = version.as_str().unwrap_or("TLS");
        Some(format!("{version} {}", suite.as_str().unwrap_or("unknown")))
    }
}

/// Runs the same method on whichever stream is inside.
macro_rules! on_stream {
    ($layer:expr, $stream:ident => $act:expr) => {
        match $layer {
            Layer::Clear($stream) => $act,
            Layer::Tls($stream) => $act,
        }
    };
}

impl<W: Wire> AsyncRead for Layer<W> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_stream!(self.get_mut(), stream => Pin::new(stream).poll_read(context, into))
    }
}

impl<W: Wire> AsyncWrite for Layer<W> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self.get_mut(), stream => Pin::new(stream).poll_write(context, octets))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        on_stream!(self, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self.get_mut(), stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(context))
    }
}
