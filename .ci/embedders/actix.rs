//! Ostler's routes in a program of actix-web, with the features that actix-web has by itself.

mod supervised;

use std::error::Error;

use actix_web::{App, test, web};
use ostler::http;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let runtime = supervised::supervised().await?;
    let app = App::new().service(web::scope("/tools").configure(http::routes(runtime.clone())));
    let app = test::init_service(app).await;
    let ready = test::TestRequest::get().uri("/tools/readyz").to_request();
    assert!(test::call_service(&app, ready).await.status().is_success());
    runtime.stop().await;
    Ok(())
}
