//! Settings of the HTTP doors.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

/// Settings of the HTTP server and of its guards.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpSettings {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 picks a free one.
    pub port: u16,
    /// Worker threads; `None` is one per core.
    pub workers: Option<usize>,
    /// Names the `Host` header may have besides loopback ones, without port.
    pub allowed_hosts: Vec<String>,
    /// Origins allowed besides our own, such as `https://team.example`.
    pub allowed_origins: Vec<String>,
    /// Networks of the only peers whose `Forwarded` and `X-Forwarded-…` are believed.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 3010,
            workers: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
        }
    }
}
