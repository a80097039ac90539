//! Routes in a scope of the program: what leads back to them names that scope.

use ostler::{
    actix_web::{
        App,
        http::header,
        test::{TestRequest, call_service, init_service, read_body_json},
        web,
    },
    serde_json::Value,
};

use super::*;
use crate::consent::Estate;

#[actix::test]
async fn clients_come_back_to_the_scope_that_they_came_to() {
    let folder = Folder::new();
    let runtime = builder(&folder).with(|settings| {
        settings.private_addresses = true;
        settings.oauth.issuer = Some("https://id.example".into());
        settings.oauth.audience = Some("https://team.example/tools/mcp".into());
    });
    let runtime = runtime.start().await.unwrap();
    let key = admin_key(&runtime).await;
    let tools = web::scope("/tools").configure(http::routes(runtime.clone()));
    let metadata = http::protected_resource_metadata(runtime.clone());
    let app = init_service(App::new().service(tools).configure(metadata)).await;
    let bearer = (header::AUTHORIZATION, format!("Bearer {key}"));
    let post = |path: &str| TestRequest::post().uri(path).insert_header((header::HOST, "localhost:8080"));

    let refused =
        call_service(&app, post("/tools/mcp").set_json(json!({"jsonrpc": "2.0", "id": 1})).to_request()).await;
    let challenge = refused.headers().get("www-authenticate").unwrap().to_str().unwrap().to_owned();
    let below = "https://team.example/tools/.well-known/oauth-protected-resource/mcp";
    assert!(challenge.contains(&format!("resource_metadata=\"{below}\"")), "{challenge}");
    for path in [below.trim_start_matches("https://team.example"), "/.well-known/oauth-protected-resource/tools/mcp"] {
        let metadata = call_service(&app, TestRequest::with_uri(path).to_request()).await;
        let metadata: Value = read_body_json(metadata).await;
        assert_eq!(metadata["resource"], "https://team.example/tools/mcp", "{path}");
    }

    let estate = Estate::start();
    let far = post("/tools/api/mcp").insert_header(bearer.clone());
    let far = far.set_json(json!({"name": "far", "url": estate.url(), "enabled": false}));
    let made = call_service(&app, far.to_request()).await;
    let location = made.headers().get(header::LOCATION).unwrap().to_str().unwrap().to_owned();
    assert!(location.starts_with("/tools/api/mcp/"), "{location}");
    let consenting = post(&format!("{location}/authorize")).insert_header(bearer).set_json(json!({}));
    let consenting: Value = read_body_json(call_service(&app, consenting.to_request()).await).await;
    let page = consenting["authorizationUrl"].as_str().unwrap_or_else(|| panic!("{consenting}"));
    let path = page.strip_prefix("http://localhost:8080").unwrap_or_else(|| panic!("{page}"));
    assert!(path.starts_with("/tools/oauth/consent?state="), "{page}");
    assert_eq!(call_service(&app, TestRequest::with_uri(path).to_request()).await.status(), 200);
    let onward = call_service(&app, post(path).to_request()).await;
    let authorization = onward.headers().get(header::LOCATION).unwrap().to_str().unwrap();
    assert!(authorization.contains("redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Ftools%2Foauth%2Fcallback"), "{page}");
    let cookie = onward.headers().get(header::SET_COOKIE).unwrap().to_str().unwrap();
    assert!(cookie.contains("Path=/tools/oauth/callback"), "{cookie}");
    runtime.stop().await;
}
