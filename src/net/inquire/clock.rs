//! The time elsewhere (SNTP, RFC 4330).

use std::{net::SocketAddr, time::Duration};

use tokio::{net::UdpSocket, time::timeout};

use super::Inquirer;
use crate::{net::SystemClock, port::Clock};

const PATIENCE: Duration = Duration::from_secs(3);
/// Seconds between 1900, where NTP begins, and 1970.
const EPOCH_SECONDS: u64 = 2_208_988_800;
/// Leap indicator 0, version 4, mode client.
const REQUEST: u8 = 0x23;
const PACKET: usize = 48;

impl Inquirer {
    /// How many microseconds the server's clock is before ours, half of the way there and back allowed for.
    pub(super) async fn clock(&self, server: &str) -> Result<i64, String> {
        let (host, port) = server.rsplit_once(':').ok_or("it has no port")?;
        let port = port.parse().map_err(|_| "it has no port")?;
        let sockets = self.sockets(host, port).await?;
        let at = sockets.first().ok_or("it has no address")?;
        let answer = timeout(PATIENCE, ask(*at)).await;
        answer
            .unwrap_or_else(|_| Ok(Err("no answer in time".to_owned())))
            .unwrap_or_else(|error| Err(error.to_string()))
    }
}

async fn ask(at: SocketAddr) -> std::io::Result<Result<i64, String>> {
    let local: SocketAddr = if at.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0_u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(at).await?;
    let mut packet = [0; PACKET];
    packet[0] = REQUEST;
    let sent = SystemClock.now().micros();
    // What comes back must repeat our time of sending, or it is somebody else's answer.
    packet[40..48].copy_from_slice(&sent.to_be_bytes());
    socket.send(&packet).await?;
    let mut reply = [0; PACKET];
    let size = socket.recv(&mut reply).await?;
    let came = SystemClock.now().micros();
    Ok(read(&reply[..size], sent, came))
}

fn read(reply: &[u8], sent: i64, came: i64) -> Result<i64, String> {
    if reply.len() < PACKET || reply[24..32] != sent.to_be_bytes() || reply[0] & 7 != 4 {
        return Err("its answer is not SNTP".to_owned());
    }
    // Stratum 0 is a refusal; leap indicator 3 says that the server does not know the time itself.
    if reply[1] == 0 || reply[0] >> 6 == 3 {
        return Err("it does not know the time".to_owned());
    }
    let (received, answered) = (micros(&reply[32..40]), micros(&reply[40..48]));
    Ok(i64::midpoint(received - sent, answered - came))
}

/// Seconds since 1900 and a binary fraction.
fn micros(stamp: &[u8]) -> i64 {
    let octets: [u8; 8] = stamp.try_into().unwrap_or_default();
    let whole = u64::from_be_bytes(octets);
    let (seconds, fraction) = (whole >> 32, whole & 0xffff_ffff);
    let micros = (fraction * 1_000_000) >> 32;
    let unix = i128::from(seconds) - i128::from(EPOCH_SECONDS);
    i64::try_from(unix * 1_000_000 + i128::from(micros)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(sent: i64, seconds: u64) -> Vec<u8> {
        let stamp = ((seconds + EPOCH_SECONDS) << 32).to_be_bytes();
        let mut packet = vec![0x24, 2];
        packet.resize(24, 0);
        packet.extend(sent.to_be_bytes());
        packet.extend(stamp);
        packet.extend(stamp);
        packet
    }

    #[test]
    fn the_way_there_and_back_is_shared_fairly() {
        let (sent, came) = (1_700_000_000_000_000, 1_700_000_000_200_000);
        assert_eq!(read(&reply(sent, 1_700_000_010), sent, came), Ok(9_900_000));
    }

    #[test]
    fn odd_answers_are_no_time() {
        assert!(read(&reply(1, 2)[..40], 1, 3).is_err());
        assert!(read(&reply(1, 2), 7, 3).is_err());
        let mut ignorant = reply(1, 2);
        ignorant[1] = 0;
        assert!(read(&ignorant, 1, 3).is_err());
    }
}
