//! The core beside a `rustls` with two providers of cryptography, neither of which is made the default of the process.

mod supervised;

use std::error::Error;

use rustls::crypto::CryptoProvider;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let runtime = supervised::supervised().await?;
    runtime.stop().await;
    assert!(CryptoProvider::get_default().is_none());
    Ok(())
}
