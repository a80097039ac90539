//! Ostler's routes in a program of actix-web, with the features that actix-web has by itself.

use std::error::Error;

use actix_web::{App, test, web};
use ostler::{calls::CallRequest, http, serde_json::json};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let runtime = ostler::testing::runtime().await?;
    let server = runtime.demo_server().await?;
    let sum = CallRequest::new("add", json!({"a": 2, "b": 3}));
    assert_eq!(runtime.calls().call(runtime.embedder(), server, sum).await?.text(), "5");
    let app = App::new().service(web::scope("/tools").configure(http::routes(runtime.clone())));
    let app = test::init_service(app).await;
    let ready = test::TestRequest::get().uri("/tools/readyz").to_request();
    assert!(test::call_service(&app, ready).await.status().is_success());
    runtime.stop().await;
    Ok(())
}
