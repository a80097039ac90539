//! Embed in axum: your program's own routes call MCP tools for its own users, stream events to them, and stop in order.
//!
//! Run it with `cargo run --example embed_in_axum`. It needs nothing else: the MCP server is the library's
//! demo server, and all data are in a temporary folder. Ostler's own features are not needed: it is built with
//! `default-features = false`, too.

use std::{convert::Infallible, env, fs, net::SocketAddr, path::Path, process::ExitCode, sync::Arc};

use axum::{
    Router,
    extract::{FromRequestParts, State},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response, Sse, sse},
    routing::{get, post},
};
use ostler::{
    Error, Runtime,
    calls::CallRequest,
    demo_server,
    futures_util::{Stream, StreamExt},
    model::{Permission, Principal, Role, ServerConfig, ServerId, Share},
    serde_json::json,
    tokio::{
        self,
        io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
        net::{TcpListener, TcpStream},
        signal::unix::{Signal, SignalKind, signal},
    },
};
use rustix::process::{getpid, kill_process};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Those who may come in, by the tokens that the house gave them. In a program of yours these are its sessions.
const TOKENS: [(&str, &str); 2] = [("token-of-ada", "ada"), ("token-of-bob", "bob")];

/// What the handlers need.
struct House {
    runtime: Runtime,
    id: ServerId,
}

#[tokio::main]
async fn main() -> Outcome<ExitCode> {
    // This program is its own MCP server as well.
    if env::args().nth(1).as_deref() == Some("demo-server") {
        return Ok(demo_server::run(&demo_server::Options::default()));
    }
    let folder = env::temp_dir().join(format!("ostler-embed-in-axum-{}", std::process::id()));
    let outcome = embed_in_axum(&folder).await;
    fs::remove_dir_all(&folder)?;
    outcome
}

async fn embed_in_axum(folder: &Path) -> Outcome<ExitCode> {
    // From here on a signal is seen, however early it comes.
    let signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let runtime = Runtime::builder().data_dir(folder).start().await?;
    let me = runtime.embedder();
    // Registered by the first start of the program, found by later ones, and updated where it is another.
    let this_program = env::current_exe()?.display().to_string();
    let config = ServerConfig::new("demo", this_program).args(["demo-server"]);
    let id = runtime.servers().ensure(me, config).await?.server.id;
    let ada = runtime.accounts().ensure(me, "ada@example.com", "ada", Role::Executor).await?;
    let permissions = vec![Permission::McpRead, Permission::McpExecute];
    runtime.servers().share(me, id, Share { user_id: ada.id, permissions }).await?;
    let pid = runtime.servers().start(me, id).await?.pid.ok_or("a server that runs has a process")?;

    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let house = Arc::new(House { runtime: runtime.clone(), id });
    let app = Router::new()
        .route("/", get(async || "the page of the house"))
        .route("/say", post(say))
        .route("/events", get(events))
        .with_state(house);
    let stopping = async move {
        either(signals).await;
        // First the runtime, while requests are still answered: calls in flight finish, event streams end, new work is
        // refused with 503. axum alone would wait for the streams, which would go on.
        runtime.stop().await;
    };
    let serving = tokio::spawn(async { axum::serve(listener, app).with_graceful_shutdown(stopping).await });

    visit(address).await?;
    watch_until_the_end(address).await?;
    serving.await??;
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    println!("stopped     process {pid} is gone");
    Ok(ExitCode::SUCCESS)
}

/// Completes with the first of two signals.
async fn either([mut terminate, mut interrupt]: [Signal; 2]) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// A user of the house, who was signed in by it, as Ostler knows them.
struct HouseUser(Principal);

impl FromRequestParts<Arc<House>> for HouseUser {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, house: &Arc<House>) -> Result<Self, Failure> {
        let field = parts.headers.get(header::AUTHORIZATION).and_then(|field| field.to_str().ok());
        let token = field.and_then(|field| field.strip_prefix("Bearer "));
        let (_, name) = TOKENS
            .into_iter()
            .find(|(known, _)| token == Some(known))
            .ok_or(Error::Unauthenticated("sign in to the house"))?;
        // Made at the first visit, without a password: the house vouches for them.
        let (accounts, email) = (house.runtime.accounts(), format!("{name}@example.com"));
        let account = accounts.ensure(house.runtime.embedder(), &email, name, Role::Executor).await?;
        Ok(Self(accounts.on_behalf_of(account.id).await?))
    }
}

/// An error of Ostler's as a response of axum. Its text is meant for callers.
struct Failure(Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, self.0.to_string()).into_response()
    }
}

/// Calls a tool for a user of the house, as far as they may; `?` answers with the status that fits.
async fn say(user: HouseUser, State(house): State<Arc<House>>, text: String) -> Result<String, Failure> {
    let request = CallRequest::new("echo", json!({"text": text}));
    Ok(house.runtime.calls().call(&user.0, house.id, request).await?.text())
}

/// Live events that the user may see, until the runtime stops.
async fn events(
    user: HouseUser,
    State(house): State<Arc<House>>,
) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    let events = house.runtime.events().follow(&user.0);
    Sse::new(events.map(|event| Ok(sse::Event::default().event(event.name()).data(json!(event).to_string()))))
}

/// Comes to the house as nobody, as Ada, and as Bob, with whom the server is not shared.
async fn visit(house: SocketAddr) -> Outcome<()> {
    let (_, page) = ask(house, "GET /", "", "").await?;
    println!("GET  /      {page}");
    for (token, expected) in [("", 401), ("token-of-ada", 200), ("token-of-bob", 404)] {
        let (status, body) = ask(house, "POST /say", token, "good evening").await?;
        println!("POST /say   {status} with {token:?}: {body}");
        assert_eq!((status, body == "good evening"), (expected, expected == 200));
    }
    Ok(())
}

/// Reads events as Ada, sends this program SIGTERM (Ctrl-C does the same), and sees the stream end.
async fn watch_until_the_end(house: SocketAddr) -> Outcome<()> {
    let mut lines = BufReader::new(send(house, "GET /events", "token-of-ada", "").await?).lines();
    // The head: from now on nothing is missed.
    while !lines.next_line().await?.ok_or("no response")?.is_empty() {}
    ask(house, "POST /say", "token-of-ada", "good night").await?;
    while lines.next_line().await?.ok_or("the stream goes on")? != "event: call" {}
    println!("streamed    {}", lines.next_line().await?.unwrap_or_default());

    kill_process(getpid(), rustix::process::Signal::TERM)?;
    // A stream that breaks off would be an error here.
    while lines.next_line().await?.is_some() {}
    println!("ended       the stream");
    Ok(())
}

/// Sends a request; its answer is read until the connection ends. In a program of yours this is a client of HTTP.
async fn send(house: SocketAddr, request: &str, token: &str, body: &str) -> Outcome<TcpStream> {
    let mut connection = TcpStream::connect(house).await?;
    let fields = format!("Host: {house}\r\nAuthorization: Bearer {token}\r\nContent-Length: {}", body.len());
    connection.write_all(format!("{request} HTTP/1.0\r\n{fields}\r\n\r\n{body}").as_bytes()).await?;
    Ok(connection)
}

/// Sends a request; returns status and body.
async fn ask(house: SocketAddr, request: &str, token: &str, body: &str) -> Outcome<(u16, String)> {
    let mut answer = String::new();
    send(house, request, token, body).await?.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no response")?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    Ok((status, body.to_owned()))
}
