//! The lines of a head, as they are written.

use bytes::{BufMut, BytesMut};

/// One field, its value in parts.
pub(crate) fn line(out: &mut BytesMut, name: &[u8], value: &[&[u8]]) {
    out.put_slice(name);
    out.put_slice(b": ");
    value.iter().for_each(|part| out.put_slice(part));
    out.put_slice(b"\r\n");
}

/// `Content-Length`.
pub(crate) fn length_line(out: &mut BytesMut, length: u64) {
    line(out, b"Content-Length", &[itoa::Buffer::new().format(length).as_bytes()]);
}

/// The first line of an answer; `status` has three digits.
pub(crate) fn status_line(out: &mut BytesMut, status: &str, reason: &[u8]) {
    for part in [b"HTTP/1.1 ", status.as_bytes(), b" ", reason, b"\r\n"] {
        out.put_slice(part);
    }
}
