//! Listening, and the end of it.
//!
//! Owns connections: how many, how long a head may take, when they close. Promises: after `stop` no new request begins,
//! those under way end within [`Patience::farewell`], and no task is left behind.

use std::{pin::pin, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::patient::Patient;

/// Connections held at once; further ones wait in the system's own line.
const CONNECTIONS_MAX: usize = 4096;

/// A head is a few hundred octets; this also bounds what is read ahead of a body.
const BUFFER_OCTETS: usize = 256 << 10;

/// After a failed accept, which means that the process has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a connection may do nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Waiting for a whole head, also of the next request.
    pub head: Duration,
    /// Waiting for a client to take what we write.
    pub writing: Duration,
    /// Waiting for requests under way when the server stops.
    pub farewell: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            writing: Duration::from_secs(30),
            farewell: Duration::from_secs(30),
        }
    }
}

/// Answers on a listener until `stop`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    patience: Patience,
    stop: CancellationToken,
) {
    let mut open = JoinSet::new();
    while let Some(socket) = stop.run_until_cancelled(next(&listener, &mut open)).await {
        open.spawn(talk(socket, router.clone(), patience, stop.clone()));
    }
    drop(listener);
    let all_closed = async { while open.join_next().await.is_some() {} };
    if timeout(patience.farewell, all_closed).await.is_err() {
        open.shutdown().await;
    }
}

/// The next connection, once there is room for it. Ended ones are cleared away meanwhile.
async fn next(listener: &TcpListener, open: &mut JoinSet<()>) -> TcpStream {
    loop {
        while open.try_join_next().is_some() {}
        if open.len() >= CONNECTIONS_MAX {
            open.join_next().await;
            continue;
        }
        match listener.accept().await {
            Ok((socket, _)) => return socket,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn talk(socket: TcpStream, router: Router, patience: Patience, stop: CancellationToken) {
    // Answers are written whole, so waiting to fill a packet only delays them.
    if socket.set_nodelay(true).is_err() {
        return;
    }
    let wire = TokioIo::new(Patient::new(socket, patience.writing));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .max_buf_size(BUFFER_OCTETS)
        .serve_connection(wire, TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
