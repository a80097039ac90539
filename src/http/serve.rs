//! [`Listener`] and [`HttpServer`]: a bound address, what it answers before the runtime is up, and all it answers
//! after.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    pin::pin,
};

use actix_web::{App, dev::ServerHandle, middleware::from_fn, web};

use crate::{
    Runtime, edge,
    http::{no_page, probes, protected_resource_metadata, routes},
    proxy::ServiceRouter,
    web::{HttpSettings, host_check::HostCheck, trace},
};

/// Connections the kernel may queue; it cuts this to `net.core.somaxconn`.
const BACKLOG: i32 = 2048;

/// A bound address, which no other process can bind.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl Listener {
    /// Binds the address of `settings`. Fails where another process has it, or it is no address of this machine.
    pub fn bind(settings: &HttpSettings) -> io::Result<Self> {
        let listener = TcpListener::bind((settings.host, settings.port))?;
        listener.set_nonblocking(true)?;
        // The standard library's 128 is too short a queue for a burst of clients.
        rustix::net::listen(&listener, BACKLOG)?;
        Ok(Self(listener))
    }

    /// The address, with the port that was picked.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers while the runtime starts: `/livez` says alive, everything else 503. Spawn it, and drop it to go on.
    pub fn starting(&self, settings: &HttpSettings) -> io::Result<actix_web::dev::Server> {
        let guard = web::Data::new(HostCheck::new(settings));
        let factory = move || {
            App::new()
                .app_data(web::Data::clone(&guard))
                .service(web::resource("/livez").route(web::get().to(probes::live)).wrap(from_fn(trace::layer)))
                .default_service(web::to(probes::starting).wrap(from_fn(trace::layer)))
        };
        edge::listen(
            self.0.try_clone()?,
            Some(1),
            ServiceRouter { runtime: None, guard: HostCheck::new(settings) },
            factory,
        )
    }
}

/// Serves until `signal` completes or the server ends, then stops `runtime` and `server` in order: calls in flight are
/// answered and recorded, event streams end, servers end, and then connections.
///
/// `server` is any server of actix-web, or an [`HttpServer`]. Have it take no signals itself
/// (`actix_web::HttpServer::disable_signals`): it would wait for streams that the runtime ends.
///
/// ```no_run
/// # use ostler::{actix_web::{App, HttpServer}, tokio};
/// # async fn serve(runtime: ostler::Runtime) -> std::io::Result<()> {
/// let routes = ostler::http::routes(runtime.clone());
/// let app = move || App::new().configure(routes.clone());
/// let server = HttpServer::new(app).disable_signals().bind(("127.0.0.1", 8080))?.run();
/// let interrupt = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
/// ostler::http::serve_until(server, &runtime, interrupt).await
/// # }
/// ```
pub async fn serve_until(
    server: impl Into<actix_web::dev::Server>,
    runtime: &Runtime,
    signal: impl Future<Output = ()>,
) -> io::Result<()> {
    let server = server.into();
    let handle = server.handle();
    let mut server = pin!(server);
    let ended = tokio::select! {
        ended = &mut server => Some(ended),
        () = signal => None,
    };
    if let Some(ended) = ended {
        runtime.stop().await;
        return ended;
    }
    let stop = async {
        // While calls in flight end, requests are still answered; new work is refused.
        runtime.stop().await;
        handle.stop(true).await;
    };
    tokio::join!(stop, server).1
}

/// An HTTP server that is bound, and serves once it runs.
pub struct HttpServer {
    server: actix_web::dev::Server,
}

impl HttpServer {
    /// A server of `runtime`'s routes; nothing is answered before [`HttpServer::run`].
    pub fn new(listener: Listener, settings: &HttpSettings, runtime: Runtime) -> io::Result<Self> {
        let guard = HostCheck::new(settings).with_public_url(runtime.authorizations().public_url());
        let router = ServiceRouter { runtime: Some(runtime.clone()), guard: guard.clone() };
        let guard = web::Data::new(guard);
        let (metadata, routes) = (protected_resource_metadata(runtime.clone()), routes(runtime));
        let factory = move || {
            App::new()
                .app_data(web::Data::clone(&guard))
                .configure(routes.clone())
                .configure(metadata.clone())
                .default_service(web::to(no_page).wrap(from_fn(trace::layer)))
        };
        Ok(Self { server: edge::listen(listener.0, settings.workers, router, factory)? })
    }

    /// Stops, pauses and resumes the server from elsewhere; `stop(true)` lets requests in flight finish.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Serves until it is stopped. No signal stops it: that is for the caller to arrange.
    pub async fn run(self) -> io::Result<()> {
        self.server.await
    }
}

impl From<HttpServer> for actix_web::dev::Server {
    fn from(server: HttpServer) -> Self {
        server.server
    }
}

impl std::fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}
