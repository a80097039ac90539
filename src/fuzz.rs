//! Properties that hold of any input from outside, one function a target.
//!
//! cargo-fuzz looks for inputs that break one (`fuzz/`), the suite tries those that are kept (`fuzz/corpus`), and no
//! other build has this room. A function returns where its property holds, and panics where it does not.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a property that does not hold ends the run")]

mod address;
mod client_config;
mod cursor;
mod envelope;
mod http1;
mod http1_request;
mod otlp;
mod path;
mod sse;
mod stdio;
mod stream;

pub use {
    address::address, client_config::client_config, cursor::cursor, envelope::envelope, http1::http1, otlp::otlp,
    path::path, sse::sse, stdio::stdio,
};

/// A property of an input.
pub type FuzzTarget = fn(&[u8]);

/// Every target by its name, which its program in `fuzz/` and its folder of inputs have as well.
pub const FUZZ_TARGETS: [(&str, FuzzTarget); 9] = [
    ("address", address),
    ("client_config", client_config),
    ("cursor", cursor),
    ("envelope", envelope),
    ("http1", http1),
    ("otlp", otlp),
    ("path", path),
    ("sse", sse),
    ("stdio", stdio),
];

#[cfg(test)]
mod tests;
