//! An actix-web app that embeds a runtime, or does not: this program, started again.

use std::{path::PathBuf, process::Command};

use actix_web::{App, HttpResponse, HttpServer, web};
use ostler::{
    Runtime,
    calls::CallRequest,
    model::{ServerConfig, ServerId},
};
use serde_json::Value;

use crate::{
    Outcome,
    ostler::{Folder, PROGRAM},
};

/// First argument of the app.
pub const APP: &str = "app";
/// Second argument of one that embeds a runtime.
pub const WITH_RUNTIME: &str = "with-runtime";
/// Second argument of one that does not.
pub const BARE: &str = "bare";
/// Path of the handler that calls `echo` with the JSON in the body.
pub const CALL_PATH: &str = "/call";

/// The command that starts it; data of its runtime are in `folder`.
pub fn command(way: &str, folder: &Folder, workers: usize) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([APP, way, &workers.to_string()]).current_dir(folder.path());
    Ok(command)
}

/// Runs the app until it is asked to stop.
pub async fn run(way: &str, workers: usize) -> Outcome<()> {
    let embedded = if way == WITH_RUNTIME { Some(start().await?) } else { None };
    let data = web::Data::new(embedded.clone());
    let app = move || App::new().app_data(data.clone()).route(CALL_PATH, web::post().to(call));
    let server = HttpServer::new(app).workers(workers).tcp_nodelay(true).bind(("127.0.0.1", 0))?;
    println!("listening on http://{}", server.addrs().first().ok_or("no address")?);
    server.run().await?;
    if let Some((runtime, _)) = embedded {
        runtime.stop().await;
    }
    Ok(())
}

/// A runtime with a demo server that takes calls.
async fn start() -> Outcome<(Runtime, ServerId)> {
    let runtime = Runtime::builder().data_dir(PathBuf::from("data")).start().await?;
    let echo = ServerConfig::new("echo", PROGRAM).args(["demo-server"]);
    let id = runtime.servers().ensure(runtime.embedder(), echo).await?.server.id;
    runtime.servers().start(runtime.embedder(), id).await?;
    Ok((runtime, id))
}

async fn call(
    data: web::Data<Option<(Runtime, ServerId)>>,
    arguments: web::Json<Value>,
) -> actix_web::Result<HttpResponse> {
    let Some((runtime, id)) = data.get_ref() else { return Ok(HttpResponse::NotFound().finish()) };
    let request = CallRequest::new("echo", arguments.into_inner());
    let outcome = runtime.calls().call(runtime.embedder(), *id, request).await?;
    Ok(HttpResponse::Ok().json(outcome))
}
