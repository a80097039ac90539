//! Embed in actix: your program runs MCP servers, first without HTTP, then next to its own pages, for its own users.
//!
//! Run it with `cargo run --example embed_in_actix`. It needs nothing else: the MCP server is the library's
//! demo server, and all data are in a temporary folder.

use std::{env, error::Error, fs, path::Path, process::ExitCode};

use ostler::{
    Runtime,
    actix::{self, System},
    actix_web::{App, FromRequest, HttpRequest, HttpServer, dev::Payload, http::StatusCode, web},
    calls::CallRequest,
    demo_server,
    futures_util::future::LocalBoxFuture,
    model::{KeySpec, Permission, Principal, Role, ServerConfig, ServerId, Share},
    serde_json::{Value, json},
};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // This program is its own MCP server as well.
    if env::args().nth(1).as_deref() == Some("demo-server") {
        return Ok(demo_server::run(&demo_server::Options::default()));
    }
    let folder = env::temp_dir().join(format!("ostler-embed-in-actix-{}", std::process::id()));
    let outcome = System::new().block_on(embed_in_actix(&folder));
    fs::remove_dir_all(&folder)?;
    outcome
}

async fn embed_in_actix(folder: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let runtime = Runtime::builder().data_dir(folder).start().await?;
    let me = runtime.embedder();
    let this_program = env::current_exe()?.display().to_string();
    let config = ServerConfig::new("demo", this_program).args(["demo-server"]);
    let id = runtime.servers().create(me, config).await?.server.id;
    let answer = runtime.calls().call(me, id, CallRequest::new("echo", json!({"text": "good morning"}))).await?;
    println!("in process  {}", answer.text());

    // Mounts everything that Ostler serves over HTTP below a path of this program.
    let (routes, data) = (ostler::http::routes(runtime.clone()), web::Data::new((runtime.clone(), id)));
    let app = move || {
        App::new()
            .app_data(data.clone())
            .route("/", web::get().to(|| async { "the page of the house" }))
            .route("/say", web::post().to(say))
            .service(web::scope("/tools").configure(routes.clone()))
    };
    let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0))?;
    let house = format!("http://{}", server.addrs().first().ok_or("nothing is bound")?);
    let server = server.run();
    let handle = server.handle();
    actix::spawn(server);

    visit(&house, id, &key_for_ada(&runtime, id).await?).await?;
    visit_as_users_of_the_house(&house).await?;

    // All callers used the same server, and all calls are on the same record.
    assert_eq!(runtime.servers().get(me, id)?.server.total_calls, 3);
    runtime.stop().await;
    handle.stop(true).await;
    println!("stopped     both");
    Ok(ExitCode::SUCCESS)
}

/// Makes an account that may call one server, and an API key for it.
async fn key_for_ada(runtime: &Runtime, id: ServerId) -> ostler::Result<String> {
    let me = runtime.embedder();
    let ada = runtime.accounts().ensure(me, "ada@example.com", "Ada", Role::Executor).await?;
    let permissions = vec![Permission::McpRead, Permission::McpExecute];
    runtime.servers().share(me, id, Share { user_id: ada.id, permissions }).await?;
    let on_her_behalf = runtime.accounts().on_behalf_of(ada.id).await?;
    let made = runtime.accounts().keys().create(&on_her_behalf, KeySpec::named("laptop")).await?;
    println!("key         {}… for {}", made.key.prefix, ada.email);
    Ok(made.secret)
}

/// Reads the program's own page, then calls a tool of the server, without a key and with one.
async fn visit(house: &str, id: ServerId, key: &str) -> Result<(), Box<dyn Error>> {
    let client = awc::Client::default();
    let page = client.get(house).send().await?.body().await?;
    println!("GET  /      {}", String::from_utf8_lossy(&page));

    let url = format!("{house}/tools/api/mcp/{id}/execute");
    let call = json!({"toolName": "echo", "parameters": {"text": "and good evening"}});
    let refusal = client.post(&url).send_json(&call).await?;
    println!("POST /tools {}, without a key", refusal.status());
    assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);

    let mut answer = client.post(&url).bearer_auth(key).send_json(&call).await?;
    let said: Value = answer.json().await?;
    let text = said.pointer("/result/content/0/text").and_then(Value::as_str);
    println!("POST /tools {}, with Ada's: {}", answer.status(), text.unwrap_or_default());
    assert_eq!(text, Some("and good evening"));
    Ok(())
}

/// A user of the house, who was logged in by it, as Ostler knows them. In a program of yours the header is a session.
struct HouseUser(Principal);

impl FromRequest for HouseUser {
    type Error = ostler::Error;
    type Future = LocalBoxFuture<'static, ostler::Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let user = request.headers().get("house-user").and_then(|user| user.to_str().ok()).map(ToOwned::to_owned);
        let data = request.app_data::<web::Data<(Runtime, ServerId)>>().cloned();
        Box::pin(async move {
            let (Some(user), Some(data)) = (user, data) else {
                return Err(ostler::Error::Unauthenticated("log in to the house"));
            };
            let (runtime, _) = data.get_ref();
            // Made at the first visit, without a password: the house vouches for them.
            let email = format!("{user}@example.com");
            let account = runtime.accounts().ensure(runtime.embedder(), &email, &user, Role::Executor).await?;
            Ok(Self(runtime.accounts().on_behalf_of(account.id).await?))
        })
    }
}

/// Calls a tool for a user of the house, as far as they may; `?` answers with the status that fits.
async fn say(data: web::Data<(Runtime, ServerId)>, user: HouseUser, text: String) -> ostler::Result<String> {
    let (runtime, id) = data.get_ref();
    Ok(runtime.calls().call(&user.0, *id, CallRequest::new("echo", json!({"text": text}))).await?.text())
}

/// Calls the program's own route as nobody, as Ada, and as Bob, with whom the server is not shared.
async fn visit_as_users_of_the_house(house: &str) -> Result<(), Box<dyn Error>> {
    let client = awc::Client::default();
    for (user, expected) in [("", StatusCode::UNAUTHORIZED), ("ada", StatusCode::OK), ("bob", StatusCode::NOT_FOUND)] {
        let request = client.post(format!("{house}/say"));
        let request = if user.is_empty() { request } else { request.insert_header(("house-user", user)) };
        let mut answer = request.send_body("good night").await?;
        let body = answer.body().await?;
        println!("POST /say   {} for {user:?}: {}", answer.status(), String::from_utf8_lossy(&body));
        assert_eq!(answer.status(), expected);
        assert_eq!(expected == StatusCode::OK, body == "good night");
    }
    Ok(())
}
