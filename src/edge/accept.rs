//! Accepts connections on the worker threads, each with an `App` of its own, and no more than there are descriptors
//! for.

use std::{io, net::TcpListener, rc::Rc};

use actix_http::Request;
use actix_service::{IntoServiceFactory, ServiceFactory};
use actix_web::{
    body::BoxBody,
    dev::{AppConfig, Server, ServiceResponse, fn_factory, fn_service},
    rt::{net::TcpStream, spawn},
};
use rustix::process::{Resource, getrlimit};

use super::{app::App, connection::ClientConnection, conversation, router::Router, worker::Worker};

/// Time that requests in flight have when the server is stopped gracefully, in seconds.
const SHUTDOWN_SECONDS: u64 = 30;
/// Connections one worker takes at most, however many descriptors there are.
const CONNECTIONS_PER_WORKER_MAX: u64 = 16 << 10;
/// Connections beyond a worker's limit that are answered with a refusal; further ones wait in the listener's queue.
const REFUSED_PER_WORKER_MAX: usize = 64;

/// A server that has requests routed by `router`, and hands the others to apps made by `make`, one on each worker
/// thread; `None` workers are one per core.
pub(crate) fn listen<F, I, S, R>(
    listener: TcpListener,
    workers: Option<usize>,
    router: R,
    make: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<BoxBody>,
            Error = actix_web::Error,
            InitError = (),
        > + 'static,
    S::Service: 'static,
    R: Router,
{
    let workers = workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from));
    let workers = workers.clamp(1, 512);
    let connections_max = connections_max(workers);
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(connections_max + 2 * REFUSED_PER_WORKER_MAX)
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .disable_signals();
    let stop = builder.graceful_shutdown_signal();
    let factory = move || {
        let (make, router, stop) = (make.clone(), router.clone(), stop.clone());
        fn_factory(move || {
            let (app, router, stop) = (make().into_factory(), router.clone(), stop.clone());
            async move {
                let app = Rc::new(app.new_service(AppConfig::default()).await?);
                let (worker, router) = (Worker::new(connections_max, REFUSED_PER_WORKER_MAX), Rc::new(router));
                let stopping = Rc::clone(&worker);
                spawn(async move {
                    stop.notified().await;
                    stopping.stop();
                });
                Ok::<_, ()>(fn_service(move |stream: TcpStream| {
                    accept(stream, Rc::clone(&worker), Rc::clone(&app), Rc::clone(&router))
                }))
            }
        })
    };
    Ok(builder.listen("edge", listener, factory)?.run())
}

/// Serves a connection to its end.
async fn accept<A: App>(stream: TcpStream, worker: Rc<Worker>, app: Rc<A>, router: Rc<impl Router>) -> io::Result<()> {
    let peer = stream.peer_addr()?;
    stream.set_nodelay(true)?;
    let Some(slot) = worker.claim_slot() else { return Ok(()) };
    let connection = ClientConnection::new(stream, peer, worker, slot);
    conversation::serve_connection(connection, &*app, &*router).await;
    Ok(())
}

/// Three quarters of the descriptors, shared by the workers: the rest is for servers, the database and forwarding.
fn connections_max(workers: usize) -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let share = descriptors / 4 * 3 / u64::try_from(workers).unwrap_or(1).max(1);
    usize::try_from(share.clamp(16, CONNECTIONS_PER_WORKER_MAX)).unwrap_or(16)
}
