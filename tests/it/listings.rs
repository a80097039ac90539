//! What servers listed in an earlier run, shown before they are up again.

use std::time::Duration;

use ostler::{
    Error, Runtime, actix,
    model::{ServerConfig, ServerId},
    runtime::Builder,
    store::{DatabaseUrl, Store, listings},
};

use crate::support::{folder::Folder, server::hostile_server};

fn builder(folder: &Folder, database: Option<&DatabaseUrl>) -> Builder {
    let builder = Runtime::builder().data_dir(folder.path()).guard(env!("CARGO_BIN_EXE_ostler"));
    database.into_iter().fold(builder, |builder, url| builder.database(url.clone()))
}

/// A server that starts only while the file is there.
async fn needing(runtime: &Runtime, file: &std::path::Path) -> ServerId {
    let config = ServerConfig::new("fake", hostile_server().to_str().unwrap());
    let config = config.args(["needs-file", file.to_str().unwrap()]).env("TOKEN", "hay-and-oats");
    runtime.servers().create(runtime.embedder(), config).await.unwrap().server.id
}

/// What is stored of the listing, once it is.
async fn stored(url: &DatabaseUrl, id: ServerId) -> String {
    let store = Store::open(url).unwrap();
    let look = async {
        loop {
            let all = store.read(listings::all).await.unwrap();
            if let Some((_, sealed)) = all.into_iter().find(|(one, _)| *one == id) {
                return sealed;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look).await.expect("no listing is stored")
}

async fn a_listing_is_shown_before_its_server_is_up(folder: Folder, url: DatabaseUrl) {
    let file = folder.path().join("needed");
    std::fs::write(&file, "").unwrap();
    let runtime = builder(&folder, Some(&url)).start().await.unwrap();
    let me = runtime.embedder().clone();
    let id = needing(&runtime, &file).await;
    let before = runtime.listings().listing(&me, id).await.unwrap();
    let sealed = stored(&url, id).await;
    assert!(!sealed.contains("echo"), "it is stored in clear: {sealed}");
    runtime.stop().await;

    std::fs::remove_file(&file).unwrap();
    let runtime = builder(&folder, Some(&url)).start().await.unwrap();
    let after = runtime.listings().listing(&me, id).await.unwrap();
    let texts = |tools: &[std::sync::Arc<ostler::serde_json::value::RawValue>]| {
        tools.iter().map(|tool| tool.get().to_owned()).collect::<Vec<_>>()
    };
    assert!(texts(&after.tools).len() > 10);
    assert_eq!(texts(&after.tools), texts(&before.tools));
    assert_eq!((&after.version, after.greeting.get()), (&before.version, before.greeting.get()));
    assert_eq!(runtime.listings().servers(&me).unwrap()[0].listing.as_ref().unwrap().tools.len(), before.tools.len());

    runtime.servers().delete(&me, id).await.unwrap();
    let left = Store::open(&url).unwrap().read(listings::all).await.unwrap();
    assert!(left.is_empty(), "what a deleted server listed is gone");
    runtime.stop().await;
}

#[actix::test]
async fn a_listing_is_shown_before_its_server_is_up_on_sqlite() {
    let folder = Folder::new();
    let url = DatabaseUrl::Sqlite(folder.path().join("ostler.db"));
    a_listing_is_shown_before_its_server_is_up(folder, url).await;
}

#[actix::test]
#[cfg(feature = "postgres")]
async fn a_listing_is_shown_before_its_server_is_up_on_postgres() {
    if let Some(url) = crate::support::postgres::database() {
        a_listing_is_shown_before_its_server_is_up(Folder::new(), DatabaseUrl::Postgres(url)).await;
    }
}

#[actix::test]
async fn a_server_that_never_listed_anything_is_waited_for_and_its_failure_told() {
    let folder = Folder::new();
    let runtime =
        builder(&folder, None).restart(ostler::runtime::RestartPolicy { auto_restart: false, ..Default::default() });
    let runtime = runtime.start().await.unwrap();
    let me = runtime.embedder().clone();
    let id = needing(&runtime, &folder.path().join("never")).await;
    let refused = runtime.listings().listing(&me, id).await;
    assert!(matches!(refused, Err(Error::ServerUnavailable(_))), "{refused:?}");
    assert!(runtime.listings().servers(&me).unwrap()[0].listing.is_none());
    runtime.stop().await;
}
