//! Laws of the receiving end, on pipes in memory.

use proptest::prelude::*;
use tokio::io::{DuplexStream, duplex};

use super::*;

const TALK: &[u8] = b"EHLO a\r\nDATA\r\n..one\r\ntwo\r\n.\r\nDATA\r\n.\r\nQUIT\r\n";

const MANNER: Manner = Manner {
    patience: Duration::from_mins(5),
    letter_patience: Duration::from_mins(10),
    breaks_off: false,
};

fn guest(stream: DuplexStream) -> Guest<DuplexStream> {
    Guest::new(stream, MANNER, CancellationToken::new())
}

fn larger_than(max: usize) -> impl FnMut(usize) -> Option<usize> {
    move |octets| (octets > max).then_some(octets)
}

/// Hands octets over in pieces of the given sizes.
async fn in_pieces(mut sender: DuplexStream, octets: &[u8], sizes: Vec<usize>) {
    let mut rest = octets;
    for size in sizes.into_iter().chain([usize::MAX]) {
        let (piece, later) = rest.split_at(size.min(rest.len()));
        sender.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
        rest = later;
    }
}

async fn read_in_pieces(sizes: Vec<usize>) -> Vec<Vec<u8>> {
    let (sender, receiver) = duplex(64);
    let mut guest = guest(receiver);
    let read = async {
        let mut seen = Vec::new();
        while let Ok(Ok(line)) = guest.line().await {
            let is_data = line == b"DATA\r\n";
            seen.push(line);
            if is_data {
                seen.push(guest.letter(larger_than(1_000)).await.unwrap().unwrap());
            }
        }
        seen
    };
    tokio::join!(in_pieces(sender, TALK, sizes), read).1
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_splitting_of_the_octets_gives_the_same_talk(
        sizes in proptest::collection::vec(1_usize..9, 0..20)
    ) {
        let seen = block_on(read_in_pieces(sizes));
        let expected: [&[u8]; 6] =
            [b"EHLO a\r\n", b"DATA\r\n", b".one\r\ntwo\r\n", b"DATA\r\n", b"", b"QUIT\r\n"];
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn a_letter_of_just_the_size_granted_is_taken_and_one_octet_more_is_not(
        lines in proptest::collection::vec("[.a]{0,5}", 1..12),
        sizes in proptest::collection::vec(1_usize..9, 0..20),
    ) {
        let letter = lines.join("\r\n") + "\r\n";
        let double = |line: &String| if line.starts_with('.') { format!(".{line}") } else { line.clone() };
        let wire = lines.iter().map(double).collect::<Vec<_>>().join("\r\n") + "\r\n.\r\n";
        let read = |max| {
            let (sender, receiver) = duplex(64);
            let (wire, sizes) = (&wire, sizes.clone());
            block_on(async move {
                let mut guest = guest(receiver);
                let reading = guest.letter(larger_than(max));
                tokio::join!(in_pieces(sender, wire.as_bytes(), sizes), reading).1.unwrap()
            })
        };
        prop_assert_eq!(read(letter.len()), Ok(letter.as_bytes().to_vec()));
        prop_assert!(read(letter.len() - 1).is_err());
    }
}

async fn check_line(octets: &[u8], expected: Result<Vec<u8>, BadLine>) {
    let (mut sender, receiver) = duplex(1 << 20);
    sender.write_all(octets).await.unwrap();
    assert_eq!(guest(receiver).line().await.unwrap(), expected);
}

#[tokio::test]
async fn endless_lines_and_control_characters_are_told_apart_from_commands() {
    let endless = [&b"A".repeat(100_000)[..], b"\r\n"].concat();
    check_line(&endless, Err(BadLine::TooLong)).await;
    check_line(b"NOOP\n", Err(BadLine::Garbage)).await;
    check_line(b"NO\0OP\r\n", Err(BadLine::Garbage)).await;
    check_line(b"NO\rOP\r\n", Err(BadLine::Garbage)).await;
    check_line(b"\r\n", Ok(b"\r\n".to_vec())).await;
}

#[tokio::test]
async fn a_letter_beyond_the_limit_is_read_to_its_end_and_not_kept() {
    let (sender, receiver) = duplex(1 << 20);
    let letter = [&b"a\r\n".repeat(1 << 20)[..], b".\r\nQUIT\r\n"].concat();
    let mut guest = guest(receiver);
    let read = async {
        assert!(guest.letter(larger_than(1 << 20)).await.unwrap().is_err());
        // Far from the megabyte that was granted, and from the two that came after it.
        assert!(guest.input.capacity() < 5 * READ_OCTETS);
        assert_eq!(guest.line().await, Ok(Ok(b"QUIT\r\n".to_vec())));
    };
    tokio::join!(in_pieces(sender, &letter, vec![]), read);
}

#[tokio::test]
async fn a_stop_ends_a_wait_and_a_letter_only_where_it_shall() {
    let stop = CancellationToken::new();
    stop.cancel();
    for breaks_off in [false, true] {
        let (mut sender, receiver) = duplex(64);
        let manner = Manner {
            breaks_off,
            ..MANNER
        };
        let mut guest = Guest::new(receiver, manner, stop.clone());
        assert_eq!(guest.line().await, Err(Gone::Stopping));
        sender.write_all(b"half").await.unwrap();
        let end = async {
            tokio::task::yield_now().await;
            let _ = sender.write_all(b"\r\n.\r\n").await;
        };
        let (letter, ()) = tokio::join!(guest.letter(larger_than(100)), end);
        let expected = if breaks_off {
            Err(Gone::Stopping)
        } else {
            Ok(Ok(b"half\r\n".to_vec()))
        };
        assert_eq!(letter, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn neither_silence_nor_a_drip_outlasts_patience() {
    let (mut sender, receiver) = duplex(64);
    let mut guest = guest(receiver);
    let began = Instant::now();
    let drip = async {
        while sender.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
    };
    let talk = async {
        assert_eq!(guest.line().await, Err(Gone::Idle));
        assert_eq!(began.elapsed(), MANNER.patience);
        let letter = guest.letter(larger_than(100)).await;
        assert_eq!(letter, Err(Gone::Idle));
        assert_eq!(began.elapsed(), MANNER.patience + MANNER.letter_patience);
        drop(guest);
    };
    tokio::join!(drip, talk);
}

#[tokio::test(start_paused = true)]
async fn a_guest_who_does_not_listen_holds_up_no_stop() {
    let (_deaf, receiver) = duplex(4);
    let stop = CancellationToken::new();
    let mut guest = Guest::new(receiver, MANNER, stop.clone());
    guest.say("250 more than fits");
    let began = Instant::now();
    let end = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.cancel();
    };
    let (line, ()) = tokio::join!(guest.line(), end);
    assert_eq!(line, Err(Gone::Closed));
    assert_eq!(began.elapsed(), Duration::from_secs(1));
}
