//! A reverse proxy made with pingora, as small as it can be: `pingora-peer LISTEN UPSTREAM,UPSTREAM THREADS`.

use std::sync::Arc;

use async_trait::async_trait;
use pingora::{
    lb::{LoadBalancer, selection::RoundRobin},
    prelude::*,
    server::configuration::ServerConf,
    upstreams::peer::HttpPeer,
};

/// Idle connections kept for the upstreams.
const IDLE: usize = 1024;

struct Peer {
    upstreams: Arc<LoadBalancer<RoundRobin>>,
}

#[async_trait]
impl ProxyHttp for Peer {
    type CTX = ();

    fn new_ctx(&self) -> Self::CTX {}

    async fn upstream_peer(&self, _session: &mut Session, _context: &mut ()) -> Result<Box<HttpPeer>> {
        let upstream = self.upstreams.select(b"", 4).ok_or_else(|| Error::new_str("no upstream"))?;
        Ok(Box::new(HttpPeer::new(upstream, false, String::new())))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        _context: &mut Self::CTX,
    ) -> Result<()> {
        if let Some(client) = session.client_addr().and_then(|address| address.as_inet()) {
            request.insert_header("X-Forwarded-For", client.ip().to_string())?;
        }
        Ok(())
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, upstreams, threads] = arguments.as_slice() else {
        eprintln!("usage: pingora-peer LISTEN UPSTREAM,UPSTREAM THREADS");
        std::process::exit(64);
    };
    let conf = ServerConf {
        threads: threads.parse().expect("a number of threads"),
        upstream_keepalive_pool_size: IDLE,
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None::<Opt>, conf);
    server.bootstrap();
    let upstreams = LoadBalancer::try_from_iter(upstreams.split(',')).expect("addresses of upstreams");
    let mut service = http_proxy_service(&server.configuration, Peer { upstreams: Arc::new(upstreams) });
    service.add_tcp(listen);
    server.add_service(service);
    server.run_forever();
}
