//! Graceful stop: a server of HTTP and its runtime stop together; the call in flight is answered, and an open stream
//! ends.
//!
//! Run it with `cargo run --example graceful_stop`. It needs nothing else: the MCP server is the library's
//! demo server, and all data are in a temporary folder.

use std::{env, error::Error, fs, path::Path, process::ExitCode};

use ostler::{
    Runtime,
    actix::{self, System},
    actix_web::{
        App, HttpResponse, HttpServer,
        web::{self, Bytes},
    },
    calls::CallRequest,
    demo_server,
    futures_util::{StreamExt, future::join},
    http,
    model::{ServerConfig, ServerId},
    serde_json::json,
    tokio::sync::{Notify, oneshot},
};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // This program is its own MCP server as well.
    if env::args().nth(1).as_deref() == Some("demo-server") {
        return Ok(demo_server::run(&demo_server::Options::default()));
    }
    let folder = env::temp_dir().join(format!("ostler-graceful-stop-{}", std::process::id()));
    let outcome = System::new().block_on(graceful_stop(&folder));
    fs::remove_dir_all(&folder)?;
    outcome
}

/// What the handlers need.
struct House {
    runtime: Runtime,
    id: ServerId,
    /// Says that the server works on a call.
    at_work: Notify,
}

async fn graceful_stop(folder: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let runtime = Runtime::builder().data_dir(folder).start().await?;
    let me = runtime.embedder();
    let this_program = env::current_exe()?.display().to_string();
    let config = ServerConfig::new("demo", this_program).args(["demo-server"]);
    let id = runtime.servers().create(me, config).await?.server.id;
    let pid = runtime.servers().start(me, id).await?.pid.ok_or("a server that runs has a process")?;

    let house = web::Data::new(House { runtime: runtime.clone(), id, at_work: Notify::new() });
    let data = house.clone();
    let app = move || {
        App::new().app_data(data.clone()).route("/slow", web::post().to(slow)).route("/events", web::get().to(events))
    };
    // actix-web would stop alone, at once, and without regard to the runtime: `serve_until` takes the signal.
    let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0))?;
    let url = format!("http://{}", server.addrs().first().ok_or("nothing is bound")?);
    let (stop, stopping) = oneshot::channel::<()>();
    let signal = async {
        // In a program of yours: `tokio::signal::ctrl_c().await`.
        let _ = stopping.await;
    };
    let server = server.run();
    let serving = actix::spawn(async move { http::serve_until(server, &runtime, signal).await });

    let client = awc::Client::default();
    let mut stream = client.get(format!("{url}/events")).send().await?;
    // Something to hear of, so that the stream has begun.
    house.runtime.calls().call(house.runtime.embedder(), id, CallRequest::new("pid", ())).await?;
    println!("streamed    {:?}", stream.next().await.ok_or("the stream has begun")??);

    let call = actix::spawn(client.post(format!("{url}/slow")).send());
    house.at_work.notified().await;
    println!("stopping    with a call in flight and a stream open");
    stop.send(()).map_err(|()| "nothing waits for the signal")?;

    let mut answer = call.await??;
    println!("answered    {}, {:?}", answer.status(), answer.body().await?);
    assert!(answer.status().is_success());
    // A stream that breaks off would be an error here.
    println!("ended       the stream, with {:?}", stream.body().await?);
    serving.await??;
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    println!("stopped     process {pid} is gone");
    Ok(ExitCode::SUCCESS)
}

/// Calls a tool that takes its time.
async fn slow(house: web::Data<House>) -> ostler::Result<String> {
    let (request, mut progress) = CallRequest::new("sleep", json!({"ms": 1000})).progress();
    let calls = house.runtime.calls();
    let at_work = async {
        // Only a server that has the call reports progress.
        let _ = progress.next().await;
        house.at_work.notify_one();
    };
    let (outcome, ()) = join(calls.call(house.runtime.embedder(), house.id, request), at_work).await;
    Ok(outcome?.text())
}

/// Live events, a line each, until the runtime stops.
async fn events(house: web::Data<House>) -> HttpResponse {
    let events = house.runtime.events().follow(house.runtime.embedder());
    let lines = events.map(|event| Ok::<_, ostler::Error>(Bytes::from(format!("{}\n", event.name()))));
    HttpResponse::Ok().content_type("text/plain").streaming(lines)
}
