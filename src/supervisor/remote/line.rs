//! The form of a message among lines.

use bytes::Bytes;

/// Raw line ends stand between tokens only, so a space in their place changes nothing.
pub(super) fn on_one_line(data: &[u8]) -> Bytes {
    let mut line = data.to_vec();
    for byte in line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')) {
        *byte = b' ';
    }
    line.into()
}
