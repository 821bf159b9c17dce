//! Any bytes as a feedback report and as the letter it returns (RFC 5965): never a panic, and what is read is read again
//! alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider::bounce::mail::read;

const HEAD: &[u8] = b"From: fbl@provider.example\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\n\r\nA complaint.\r\n\
    --b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n";
const PART: &[u8] = b"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n";
const TAIL: &[u8] = b"\r\n--b--\r\n";

fuzz_target!(|bytes: &[u8]| {
    let half = bytes.len() / 2;
    let report = [HEAD, &bytes[..half], PART, &bytes[half..], TAIL].concat();
    assert_eq!(read(&report), read(&report));
});
