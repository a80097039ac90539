//! The HTTP interface: the URL table on one page, one file per noun below.

mod settings;

pub use settings::Settings;

/// A server that listens.
pub struct Server {}

impl Server {
    /// Binds.
    pub fn bind(_settings: &Settings, _runtime: crate::Runtime) -> std::io::Result<Self> {
        unimplemented!()
    }

    /// Where it listens.
    pub fn addresses(&self) -> Vec<std::net::SocketAddr> {
        unimplemented!()
    }

    /// A handle to stop it with.
    pub fn handle(&self) -> actix_web::dev::ServerHandle {
        unimplemented!()
    }

    /// Serves until stopped.
    pub async fn run(self) -> std::io::Result<()> {
        unimplemented!()
    }
}
