//! The supervision core, built without a feature: what it lacks says so, by field and feature.

use crate::{
    accounts::OAuthSettings,
    error::Result,
    model::{KeySpec, NewUser, Role, Server},
    registry::secrets,
    runtime::Builder,
    store::servers,
};

use super::*;

fn fault<T>(result: Result<T>) -> String {
    result.err().expect("it was accepted").to_string()
}

#[actix::test]
async fn a_server_at_a_url_is_refused() {
    let (runtime, folder) = begin().await;
    let who = runtime.embedder().clone();
    let create = async |config| runtime.servers().create(&who, config).await;
    let refusal = "/url: cannot be reached: this program was built without the feature `remote` of the crate ostler";
    assert_eq!(fault(create(ServerConfig::remote("far", "https://mcp.example/mcp")).await), refusal);
    assert!(create(demo()).await.is_ok());
    end((runtime, folder)).await;
}

#[actix::test]
async fn a_server_at_a_url_from_another_build_is_down_and_says_why() {
    let (runtime, folder) = begin().await;
    let far = Server::registered(runtime.embedder().user_id, ServerConfig::remote("far", "https://mcp.example/mcp"));
    let (id, stored) = (far.id, secrets::seal(runtime.keyring(), &far).unwrap());
    runtime.inner.recorder.write(None, move |db| servers::insert(db, &stored)).await.unwrap();
    runtime.stop().await;
    drop(runtime);

    let runtime = Runtime::builder().data_dir(&folder).guard(program()).start().await.unwrap();
    let mut view = runtime.inner.registry.get(id).unwrap().link.view.clone();
    let has_ended = view.wait_for(|view| view.last_exit.is_some());
    let view = tokio::time::timeout(Duration::from_secs(30), has_ended).await.unwrap().unwrap().clone();
    let reason = view.last_exit.unwrap().reason;
    assert!(reason.contains("built without the feature `remote`"), "{reason}");
    end((runtime, folder)).await;
}

#[actix::test]
async fn accounts_have_no_passwords_and_may_have_keys() {
    let (runtime, folder) = begin().await;
    let who = runtime.embedder();
    let ada = NewUser {
        email: "ada@example.com".into(),
        name: "Ada".into(),
        password: "a password of her own".into(),
        role: Role::Executor,
    };
    let created = fault(runtime.accounts().create(who, ada).await);
    assert!(created.starts_with("/password: needs the feature `http`"), "{created}");

    assert_eq!(runtime.first_admin(), None);
    let ada = runtime.accounts().ensure(who, "ada@example.com", "Ada", Role::Executor).await.unwrap();
    let on_her_behalf = runtime.accounts().on_behalf_of(ada.id).await.unwrap();
    let key = runtime.accounts().keys().create(&on_her_behalf, KeySpec::named("ci")).await.unwrap();
    assert_eq!(runtime.accounts().authenticate(&key.secret).await.unwrap().user_id, ada.id);
    assert_eq!(fault(runtime.accounts().authenticate("a.b.c").await), "log in, or send a valid API key");
    end((runtime, folder)).await;
}

#[actix::test]
async fn settings_of_a_sign_in_are_refused() {
    let folder = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
    let start = |change: fn(Builder) -> Builder| {
        let builder = change(Runtime::builder().data_dir(&folder).guard(program()));
        async move { builder.start().await.err().map(|error| error.to_string()) }
    };
    let needs = |setting| Some(format!("{setting}: needs the feature `http` of the crate ostler"));
    let password = start(|builder| builder.admin_password("a password of an admin")).await;
    assert_eq!(password, needs("OSTLER_ADMIN_PASSWORD"));
    let issuer = |builder: Builder| {
        builder.with(|settings| {
            settings.oauth = OAuthSettings { issuer: Some("https://id.example".into()), ..OAuthSettings::default() };
        })
    };
    assert_eq!(start(issuer).await, needs("OSTLER_OAUTH_ISSUER"));
    std::fs::remove_dir_all(folder).unwrap();
}
