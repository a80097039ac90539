//! Observers of changes whose callers are gone.

use std::{
    collections::HashSet,
    future::poll_fn,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::{
    access::{Access, RateLimits, credentials::principal},
    error::Result,
    model::{
        AuditEntry, Credential, KeySpec, Outcome, Principal, Role, Session, SessionId, Timestamp, User, UserChange,
        UserId,
    },
    policy::audit_chain::ChainKey,
    recorder::{Chain, Recorder},
    secrets::Keyring,
    store::{DatabaseUrl, Store, sessions},
    tasks::{arbiters::Arbiters, lifecycle::Lifecycle},
};

#[derive(Debug, PartialEq)]
enum Notice {
    ExecutionLost(UserId),
    AccountClosed(UserId),
    CredentialEnded(Credential),
}

struct Notices(mpsc::UnboundedSender<Notice>);

impl AccountObserver for Notices {
    fn execution_lost(&self, user: UserId) {
        self.0.send(Notice::ExecutionLost(user)).unwrap();
    }

    fn account_closed(&self, user: UserId) {
        self.0.send(Notice::AccountClosed(user)).unwrap();
    }

    fn credential_ended(&self, credential: Credential) {
        self.0.send(Notice::CredentialEnded(credential)).unwrap();
    }
}

/// Accounts with an admin, and a user who is logged in.
struct Fixture {
    folder: PathBuf,
    accounts: Accounts,
    admin: Principal,
    user: User,
    who: Principal,
}

impl Fixture {
    async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
        let accounts = accounts(&folder).await;
        let admin = session_of(&User::new("root@example.com".into(), "Root".into(), Role::Admin, String::new()));
        let user = User::new("ann@example.com".into(), "Ann".into(), Role::Developer, String::new());
        let entry = AuditEntry::by_ostler("user.create", user.id, Outcome::Success);
        accounts.directory.insert(user.clone(), entry).await.unwrap();
        let who = open_session(&accounts, &user).await;
        Self { folder, accounts, admin, user, who }
    }
}

async fn stop(accounts: Accounts, folder: &Path) {
    accounts.recorder.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}

async fn accounts(folder: &Path) -> Accounts {
    let store = Store::open(&DatabaseUrl::Sqlite(folder.join("ostler.db"))).unwrap();
    store.migrate().unwrap();
    let chain = Chain::new(ChainKey::new(&[7; 32]), Vec::new());
    let recorder = Recorder::start(&store, store.occupy("test").unwrap(), chain).unwrap();
    let access = Arc::new(Access::new(recorder.clone(), &RateLimits::default()));
    let keyring = Arc::new(Keyring::from_secret("0123456789abcdef0123456789ABCDEF").unwrap());
    Accounts::new(
        access,
        store,
        recorder,
        keyring,
        None,
        Arc::new(Lifecycle::new()),
        Arc::new(Arbiters::start().await.unwrap()),
    )
}

fn session_of(user: &User) -> Principal {
    principal(user, None, Credential::Session(SessionId::new()), None)
}

/// A session that the database has.
async fn open_session(accounts: &Accounts, user: &User) -> Principal {
    let who = session_of(user);
    let Credential::Session(id) = who.credential else { unreachable!() };
    let session = Session { id, user_id: user.id, created_at: Timestamp::now(), expires_at: Timestamp::now() };
    accounts.recorder.commit(None, move |db| sessions::insert(db, &session)).await.unwrap();
    who
}

/// Makes a change while the recorder is busy, and drops its future once the commit is on its way.
async fn make_and_drop<T>(accounts: &Accounts, change: impl Future<Output = Result<T>>) {
    let (begun, has_begun) = oneshot::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let busy = accounts.recorder.commit(None, move |_| {
        begun.send(()).unwrap();
        released.recv().unwrap();
        Ok(())
    });
    let drop_change = async {
        has_begun.await.unwrap();
        let mut change = pin!(change);
        let holders = Arc::strong_count(&accounts.directory);
        // The work that outlives its caller holds the directory.
        while Arc::strong_count(&accounts.directory) == holders {
            let is_ready = poll_fn(|context| Poll::Ready(change.as_mut().poll(context).is_ready())).await;
            assert!(!is_ready, "the recorder was not busy");
            tokio::task::yield_now().await;
        }
    };
    let dropped = async {
        drop_change.await;
        release.send(()).unwrap();
    };
    tokio::join!(busy, dropped).0.unwrap();
}

#[actix::test]
async fn observers_hear_of_a_change_whose_caller_is_gone() {
    let Fixture { folder, accounts, admin, user, who } = Fixture::start().await;
    let key = accounts.keys().create(&who, KeySpec::named("ci")).await.unwrap().key.id;
    let (notices, mut heard) = mpsc::unbounded_channel();
    let observer: Arc<dyn AccountObserver> = Arc::new(Notices(notices));
    accounts.observe(Arc::downgrade(&observer));
    let mut next = async || tokio::time::timeout(Duration::from_secs(10), heard.recv()).await.ok().flatten();

    make_and_drop(&accounts, accounts.keys().delete(&who, key)).await;
    assert_eq!(next().await, Some(Notice::CredentialEnded(Credential::Key(key))));
    make_and_drop(&accounts, accounts.logout(&who)).await;
    assert_eq!(next().await, Some(Notice::CredentialEnded(who.credential)));
    let viewer = UserChange { role: Some(Role::Viewer), ..UserChange::default() };
    make_and_drop(&accounts, accounts.update(&admin, user.id, viewer)).await;
    assert_eq!(next().await, Some(Notice::ExecutionLost(user.id)));
    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    make_and_drop(&accounts, accounts.update(&admin, user.id, disabled)).await;
    assert_eq!(next().await, Some(Notice::AccountClosed(user.id)));

    stop(accounts, &folder).await;
}

#[actix::test]
async fn observers_hear_of_every_credential_that_ends_with_another_or_with_a_password() {
    let Fixture { folder, accounts, admin, user, who } = Fixture::start().await;
    let made_by = async |who: &Principal, name| accounts.keys().create(who, KeySpec::named(name)).await.unwrap().key.id;
    let holding = |key| Principal { credential: Credential::Key(key), ..who.clone() };
    let parent = made_by(&who, "parent").await;
    let child = made_by(&holding(parent), "child").await;
    let grandchild = made_by(&holding(child), "grandchild").await;
    let other = made_by(&who, "other").await;
    let (notices, mut heard) = mpsc::unbounded_channel();
    let observer: Arc<dyn AccountObserver> = Arc::new(Notices(notices));
    accounts.observe(Arc::downgrade(&observer));
    let mut ended = || {
        let mut all = HashSet::new();
        while let Ok(notice) = heard.try_recv() {
            let Notice::CredentialEnded(credential) = notice else { panic!("{notice:?}") };
            assert!(all.insert(credential), "twice: {credential}");
        }
        all
    };

    accounts.keys().rotate(&who, child).await.unwrap();
    assert_eq!(ended(), [child, grandchild].map(Credential::Key).into());
    accounts.keys().delete(&who, parent).await.unwrap();
    assert_eq!(ended(), [parent, child].map(Credential::Key).into());
    let password = UserChange { password: Some("a password of an admin".into()), ..UserChange::default() };
    accounts.update(&admin, user.id, password).await.unwrap();
    assert_eq!(ended(), [Credential::Key(other), who.credential].into());

    stop(accounts, &folder).await;
}
