//! [`Server`]: a bound listener, its guards and its deadlines.

use std::{io, net::SocketAddr, time::Duration};

use actix_web::{App, HttpServer, dev::ServerHandle, middleware::from_fn, web};

use crate::{
    Runtime,
    http::{Settings, guard::Guard, no_page, routes, trace, watch},
};

/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The longest the head of a connection's first request may take.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// The longest a connection may take to close.
const CLOSE_DEADLINE: Duration = Duration::from_secs(3);
/// How long requests under way have when the server is stopped gracefully, in seconds.
const SHUTDOWN_SECONDS: u64 = 30;
/// Connections one worker takes; more wait in the listener's queue.
const CONNECTIONS_PER_WORKER: usize = 8192;

/// An HTTP server that is bound, and serves once it runs.
pub struct Server {
    addresses: Vec<SocketAddr>,
    server: actix_web::dev::Server,
}

impl Server {
    /// Binds the address of `settings`; nothing is answered before [`Server::run`]. Fails where it cannot be bound.
    pub fn bind(settings: &Settings, runtime: Runtime) -> io::Result<Self> {
        let guard = web::Data::new(Guard::new(settings));
        let factory = move || {
            App::new()
                .app_data(web::Data::clone(&guard))
                .configure(routes(runtime.clone()))
                .default_service(web::to(no_page).wrap(from_fn(trace::layer)))
        };
        let mut server = HttpServer::new(factory)
            .on_connect(watch::connected)
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_DEADLINE)
            .client_disconnect_timeout(CLOSE_DEADLINE)
            // A client that hangs up closes its half of the connection: that is all there is to see of it.
            .h1_allow_half_closed(false)
            .tcp_nodelay(true)
            .max_connections(CONNECTIONS_PER_WORKER)
            .shutdown_timeout(SHUTDOWN_SECONDS)
            .disable_signals();
        if let Some(workers) = settings.workers {
            server = server.workers(workers.max(1));
        }
        let server = server.bind((settings.host, settings.port))?;
        Ok(Self { addresses: server.addrs(), server: server.run() })
    }

    /// The addresses it is bound to, with the port that was picked.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.clone()
    }

    /// Stops, pauses and resumes the server from elsewhere; `stop(true)` lets requests under way finish.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Serves until it is stopped. No signal stops it: that is for the caller to arrange.
    pub async fn run(self) -> io::Result<()> {
        self.server.await
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
