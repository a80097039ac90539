//! A program that embeds a runtime and ends in one way or another: `embedder FOLDER WAY`.
//!
//! It prints its address. `POST /call` calls a tool for a second, and prints `called` once the server has the call;
//! `/panic` panics, `/exit` ends the process; all other routes are Ostler's. WAY is what follows a signal: `ordinary`
//! is what a program without further thought does, `slow` lets two seconds pass between the end of its server and that
//! of the runtime, `ordered` uses `serve_until`, and `dropped` forgets to stop.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a fake says what it cannot do by ending"
)]

use std::{env, time::Duration};

use ostler::{
    Runtime,
    actix_web::{self, App, HttpResponse, HttpServer, Responder, web},
    calls::CallRequest,
    demo_server,
    futures_util::{StreamExt, future::join},
    http,
    model::{NewUser, Role, ServerConfig, ServerId},
    serde_json::json,
};

fn main() {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().unwrap();
    if folder == "demo-server" {
        assert_eq!(demo_server::run(&demo_server::Options::default()), std::process::ExitCode::SUCCESS);
        return;
    }
    env_logger::Builder::new().filter_level(log::LevelFilter::Error).init();
    actix_web::rt::System::new().block_on(embed(&folder, &arguments.next().unwrap()));
}

async fn embed(folder: &str, way: &str) {
    let runtime = Runtime::builder().data_dir(folder).start().await.unwrap();
    let me = runtime.embedder();
    let (email, password) = ("ada@example.com".into(), "correct horse battery staple".into());
    runtime.accounts().create(me, NewUser { email, name: "Ada".into(), password, role: Role::Admin }).await.unwrap();
    let program = env::current_exe().unwrap().display().to_string();
    let server = runtime.servers().create(me, ServerConfig::new("demo", program).args(["demo-server"])).await.unwrap();
    let id = server.server.id;
    runtime.servers().start(me, id).await.unwrap();
    let (routes, data) = (http::routes(runtime.clone()), web::Data::new((runtime.clone(), id)));
    let app = move || {
        App::new()
            .app_data(data.clone())
            .route("/call", web::post().to(call))
            .route("/panic", web::post().to(panic))
            .route("/exit", web::post().to(exit))
            .configure(routes.clone())
    };
    let server = HttpServer::new(app).workers(1).shutdown_timeout(5).bind(("127.0.0.1", 0)).unwrap();
    println!("{}", server.addrs().first().unwrap());
    match way {
        "ordered" => {
            let server = server.disable_signals().run();
            http::serve_until(server, &runtime, async { tokio::signal::ctrl_c().await.unwrap() }).await.unwrap();
        }
        "dropped" => server.run().await.unwrap(),
        _ => {
            server.run().await.unwrap();
            if way == "slow" {
                std::thread::sleep(Duration::from_secs(2));
            }
            runtime.stop().await;
        }
    }
}

async fn call(data: web::Data<(Runtime, ServerId)>) -> impl Responder {
    let (runtime, id) = data.get_ref();
    let (request, mut progress) = CallRequest::new("sleep", json!({"ms": 1000})).progress();
    let reported = async {
        // Only a server that has the call reports progress.
        if progress.next().await.is_some() {
            println!("called");
        }
    };
    let (outcome, ()) = join(runtime.calls().call(runtime.embedder(), *id, request), reported).await;
    match outcome {
        Ok(outcome) => HttpResponse::Ok().body(outcome.text()),
        Err(error) => HttpResponse::ServiceUnavailable().body(error.to_string()),
    }
}

async fn panic() -> &'static str {
    panic!("as it is meant to")
}

async fn exit() -> &'static str {
    std::process::exit(3)
}
