//! Any bytes as a mail and as the machine-readable part of a delivery report (RFC 3464): never a panic, and what is read
//! is read again alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider::bounce::mail::read;

const HEAD: &[u8] = b"From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered Mail\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\n";
const PART: &[u8] = b"\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n";
const TAIL: &[u8] = b"\r\n--b--\r\n";

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(read(bytes), read(bytes));
    let half = bytes.len() / 2;
    let report = [HEAD, &bytes[..half], PART, &bytes[half..], TAIL].concat();
    read(&report);
});
