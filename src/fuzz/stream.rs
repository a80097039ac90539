//! Streams of bytes, and the pieces that they come in.

/// Bytes from which on a stream is not extended: an input that asks for more would only be slow.
const EXTENDED_BYTES_MAX: usize = 256 << 10;

/// The stream that an input stands for: in it the byte 255 and the one after it, `n`, are `n` KiB of `x`. libFuzzer's
/// inputs are shorter than most limits.
pub(super) fn extended(input: &[u8]) -> Vec<u8> {
    let (mut stream, mut rest) = (Vec::with_capacity(input.len()), input);
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, after) {
            (255, [count, after @ ..]) if stream.len() < EXTENDED_BYTES_MAX => {
                stream.resize(stream.len() + (usize::from(*count) << 10), b'x');
                rest = after;
            }
            _ => stream.push(*byte),
        }
    }
    stream
}

/// The stream in pieces, small ones of a small stream.
pub(super) fn pieces(size: u8, stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let size = usize::from(size);
    stream.chunks(if stream.len() > 4096 { 500 + 16 * size } else { 1 + size % 64 })
}
