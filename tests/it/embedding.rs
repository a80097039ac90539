//! Runtimes inside other programs: any number of them, each by itself, and gone when they are gone.

mod ends;
mod guesses;
mod hosts;
mod scopes;
mod suite;

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use ostler::{
    Error, Runtime,
    actix::{self, System},
    actix_web::dev::ServerHandle,
    calls::CallRequest,
    futures_util::StreamExt,
    http,
    model::{KeySpec, Role, ServerChange, ServerConfig, ServerId, Status},
    policy::restart::RestartPolicy,
    runtime::Builder,
    serde_json::json,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    fs::{FlockOperation, flock},
    process::{Pid, PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open},
};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{
    remote::refusals::refusing,
    support::{
        Caller,
        folder::Folder,
        mcp::{LEGACY, Legacy, Modern},
        until,
        upstream::Upstream,
    },
};

const OSTLER: &str = env!("CARGO_BIN_EXE_ostler");

fn builder(folder: &Folder) -> Builder {
    Runtime::builder().data_dir(folder.path())
}

async fn start(folder: &Folder) -> Runtime {
    builder(folder).start().await.unwrap()
}

/// A demo server that is told its name.
async fn demo(runtime: &Runtime, name: &str) -> ServerId {
    let config = ServerConfig::new(name, OSTLER).args(["demo-server"]).env("NAME", name);
    runtime.servers().create(runtime.embedder(), config).await.unwrap().server.id
}

async fn ask_name(runtime: &Runtime, id: ServerId) -> ostler::Result<String> {
    let request = CallRequest::new("env", json!({"name": "NAME"}));
    Ok(runtime.calls().call(runtime.embedder(), id, request).await?.text())
}

#[actix::test]
async fn runtimes_of_one_program_live_and_end_independently() {
    let (folders, names) = ([Folder::new(), Folder::new(), Folder::new()], ["oats", "hay", "barley"]);
    let mut runtimes = Vec::new();
    for (folder, name) in folders.iter().zip(names) {
        let runtime = start(folder).await;
        let id = demo(&runtime, name).await;
        runtimes.push((runtime, id, name));
    }
    for (runtime, id, name) in &runtimes {
        assert_eq!(ask_name(runtime, *id).await.unwrap(), *name);
    }
    let (first, id, _) = runtimes.remove(0);
    assert!(matches!(runtimes[0].0.servers().get(first.embedder(), id), Err(Error::NotFound(_))));
    first.stop().await;
    for (runtime, id, name) in runtimes {
        assert_eq!(ask_name(&runtime, id).await.unwrap(), name);
        runtime.stop().await;
    }
}

#[actix::test]
async fn a_data_folder_has_one_runtime_at_a_time() {
    let folder = Folder::new();
    let first = start(&folder).await;
    let Err(Error::Conflict(why)) = builder(&folder).start().await else { panic!("two runtimes in one folder") };
    assert!(why.contains(&folder.path().display().to_string()) && why.contains("another Ostler uses"), "{why}");
    let id = demo(&first, "oats").await;
    assert_eq!(ask_name(&first, id).await.unwrap(), "oats");

    first.stop().await;
    let second = start(&folder).await;
    assert_eq!(ask_name(&second, id).await.unwrap(), "oats");
    second.stop().await;
}

#[actix::test]
async fn a_runtime_may_be_stopped_as_often_as_one_likes() {
    let folder = Folder::new();
    let runtime = start(&folder).await;
    let id = demo(&runtime, "oats").await;
    let process = process_of(&runtime, id).await;
    let twin = runtime.clone();
    tokio::join!(runtime.stop(), twin.stop());
    assert!(ends(process, 0).await);
    runtime.stop().await;
    assert!(matches!(ask_name(&runtime, id).await, Err(Error::NotReady(_))));
    assert!(matches!(runtime.servers().start(runtime.embedder(), id).await, Err(Error::NotReady(_))));
    assert!(!runtime.readiness().await.ready);
}

#[actix::test]
async fn a_runtime_dropped_without_a_stop_leaves_no_process_and_no_lock() {
    let folder = Folder::new();
    let runtime = start(&folder).await;
    let id = demo(&runtime, "oats").await;
    let process = process_of(&runtime, id).await;
    drop(runtime);
    assert!(ends(process, 10).await);
    flock(File::open(folder.path().join("ostler.lock")).unwrap(), FlockOperation::LockExclusive).unwrap();
    let again = start(&folder).await;
    assert_eq!(ask_name(&again, id).await.unwrap(), "oats");
    again.stop().await;
}

#[actix::test]
async fn a_stopped_runtime_gives_its_folder_up_while_a_process_that_is_being_started_has_its_files_open() {
    let folder = Folder::new();
    let runtime = start(&folder).await;
    let inherited = ["ostler.lock", "ostler.db.ostler-lock"].map(|name| inherited(&folder.path().join(name)));
    assert!(inherited.iter().all(|files| !files.is_empty()));
    runtime.stop().await;
    start(&folder).await.stop().await;
}

/// Descriptors of this process for a file, as one that it is just starting inherits them.
fn inherited(path: &Path) -> Vec<OwnedFd> {
    let (me, path) = (pidfd_open(getpid(), PidfdFlags::empty()).unwrap(), path.canonicalize().unwrap());
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
    let of_path = descriptors.filter(|descriptor| fs::read_link(descriptor).is_ok_and(|file| file == path));
    let number = |descriptor: PathBuf| descriptor.file_name().unwrap().to_str().unwrap().parse().unwrap();
    of_path.map(|descriptor| pidfd_getfd(&me, number(descriptor), PidfdGetfdFlags::empty()).unwrap()).collect()
}

#[actix::test]
async fn a_runtime_dropped_during_calls_records_each() {
    const CALLS: u32 = 100;
    let folder = Folder::new();
    let runtime = start(&folder).await;
    let id = demo(&runtime, "oats").await;
    runtime.servers().start(runtime.embedder(), id).await.unwrap();
    let begin = |_| {
        let (calls, who) = (runtime.calls().clone(), runtime.embedder().clone());
        let (request, progress) = CallRequest::new("sleep", json!({"ms": 30_000})).progress();
        (actix::spawn(async move { calls.call(&who, id, request).await }), progress)
    };
    let (calls, progress): (Vec<_>, Vec<_>) = (0..CALLS).map(begin).unzip();
    for mut progress in progress {
        // Only a server that has the call reports it; lists that are read are in flight, too.
        progress.next().await.unwrap();
    }
    drop(runtime);
    for call in calls {
        let answer = call.await.unwrap();
        assert!(matches!(answer, Err(Error::ServerUnavailable(_))), "{answer:?}");
    }
    flock(File::open(folder.path().join("ostler.lock")).unwrap(), FlockOperation::LockExclusive).unwrap();
    let again = start(&folder).await;
    assert_eq!(again.servers().get(again.embedder(), id).unwrap().server.total_calls, i64::from(CALLS));
    again.stop().await;
}

#[actix::test]
async fn a_program_that_cannot_guard_is_found_at_the_start() {
    for (program, why) in [("/bin/true", "it does not do a guard's work"), ("/no/such", "No such file")] {
        let folder = Folder::new();
        let start = Runtime::builder().data_dir(folder.path()).guard(program).start();
        let Err(error) = start.await else { panic!("it started") };
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(program) && text.contains(why) && text.contains("CARGO_BIN_EXE"), "{text}");
        assert!(!folder.path().join("ostler.lock").exists());
    }
}

#[actix::test]
async fn keys_belong_to_accounts_and_the_program_makes_them_on_their_behalf() {
    let folder = Folder::new();
    let runtime = start(&folder).await;
    let me = runtime.embedder();
    assert!(matches!(runtime.accounts().keys().create(me, KeySpec::named("mine")).await, Err(Error::Forbidden(_))));

    let (email, password) = ("ada@example.com".into(), "correct horse battery staple".into());
    let ada = ostler::model::NewUser { email, name: "Ada".into(), password, role: Role::Viewer };
    let ada = runtime.accounts().create(me, ada).await.unwrap();
    let on_her_behalf = runtime.accounts().on_behalf_of(ada.id).await.unwrap();
    let key = runtime.accounts().keys().create(&on_her_behalf, KeySpec::named("laptop")).await.unwrap();
    let holder = runtime.accounts().authenticate(&key.secret).await.unwrap();
    assert_eq!((holder.user_id, holder.permissions), (ada.id, on_her_behalf.permissions));

    let disabled = ostler::model::UserChange { disabled: Some(true), ..Default::default() };
    runtime.accounts().update(me, ada.id, disabled).await.unwrap();
    assert!(matches!(runtime.accounts().on_behalf_of(ada.id).await, Err(Error::Forbidden(_))));
    runtime.stop().await;
}

#[actix::test]
async fn a_program_that_embeds_a_runtime_keeps_to_the_rules_of_the_api() {
    fn pointers<T>(outcome: ostler::Result<T>) -> Vec<String> {
        match outcome {
            Err(Error::Invalid(faults)) => faults.0.into_iter().map(|fault| fault.pointer).collect(),
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it was accepted"),
        }
    }
    let folder = Folder::new();
    let runtime = start(&folder).await;
    let me = runtime.embedder();
    let nameless = ServerConfig::new("", "").args(["x".repeat(33 << 10)]).env("LD_PRELOAD", "\0");
    let all = pointers(runtime.servers().create(me, nameless).await);
    assert_eq!(all, ["/name", "/command", "/args/0", "/env/LD_PRELOAD", "/env/LD_PRELOAD"]);

    let id = demo(&runtime, "oats").await;
    let change = ServerChange { name: Some("n".repeat(129)), ..Default::default() };
    assert_eq!(pointers(runtime.servers().update(me, id, change, None).await), ["/name"]);
    let timeout = Some(std::time::Duration::from_secs(3601));
    let endless = CallRequest { timeout, ..CallRequest::new("", json!([])) };
    assert_eq!(pointers(runtime.calls().call(me, id, endless).await), ["/toolName", "/parameters", "/timeoutMs"]);
    runtime.stop().await;
}

#[actix::test]
async fn sessions_of_mcp_clients_end_with_the_last_route_and_with_their_metric() {
    let folder = Folder::new();
    let runtime = start(&folder).await;
    let key = admin_key(&runtime).await;
    let door = Door::open(&runtime);
    let first = door.begin_session(&key).await;
    assert_eq!(door.ping(&first).await, 200);
    assert_eq!(ended_sessions(&runtime).await, 0);
    door.close().await;
    until_ended(&runtime, 1).await;

    let door = Door::open(&runtime);
    assert_eq!(door.ping(&first).await, 200, "its row lets it be taken up again");
    let second = door.begin_session(&key).await;
    let routes = http::routes(runtime.clone());
    door.close().await;
    let door = Door::open(&runtime);
    assert_eq!(door.ping(&second).await, 200, "held routes hold the sessions");
    drop(routes);
    door.close().await;
    until_ended(&runtime, 3).await;
    runtime.stop().await;
}

#[actix::test]
async fn a_server_that_was_given_up_is_met_by_the_client_that_asks_for_it() {
    let folder = Folder::new();
    // Two attempts, and the next by itself after five minutes.
    let policy = RestartPolicy { unreachable_retries: 0, max_retries: 1, ..RestartPolicy::default() };
    let runtime = builder(&folder).restart(policy).with(|settings| settings.private_addresses = true);
    let runtime = runtime.start().await.unwrap();
    let key = admin_key(&runtime).await;
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let far = ServerConfig::remote("far", format!("http://{address}/mcp"));
    let id = runtime.servers().create(runtime.embedder(), far).await.unwrap().server.id;
    let status = || runtime.servers().get(runtime.embedder(), id).unwrap().runtime_status.status;
    until("it is given up", async || status() == Status::Failed).await;

    let _upstream = Upstream::listen(address, refusing(|_| None));
    let door = Door::open(&runtime);
    let caller = Caller::anonymous(door.address, "").with_token(&key);
    let path = format!("/mcp/{id}");
    let tools = spawn_blocking(move || Modern::new(&caller, &path).send("tools/list", json!({})).is(200));
    assert_eq!(tools.await.unwrap().at("/result/tools/0/name"), "echo");
    door.close().await;
    runtime.stop().await;
}

/// An HTTP server of a runtime.
struct Door {
    address: SocketAddr,
    handle: ServerHandle,
    ended: JoinHandle<std::io::Result<()>>,
}

impl Door {
    fn open(runtime: &Runtime) -> Self {
        let mut settings = http::HttpSettings::default();
        (settings.port, settings.workers) = (0, Some(2));
        let listener = http::Listener::bind(&settings).unwrap();
        let address = listener.address().unwrap();
        let server = http::HttpServer::new(listener, &settings, runtime.clone()).unwrap();
        Self { address, handle: server.handle(), ended: actix::spawn(server.run()) }
    }

    async fn close(self) {
        self.handle.stop(true).await;
        self.ended.await.unwrap().unwrap();
    }

    async fn begin_session(&self, key: &str) -> Legacy {
        let caller = Caller::anonymous(self.address, "").with_token(key);
        spawn_blocking(move || Legacy::begin(&caller, "/mcp", LEGACY)).await.unwrap()
    }

    /// The status of a request in a session that may have begun at another door.
    async fn ping(&self, session: &Legacy) -> u16 {
        let caller = Caller { address: self.address, ..session.caller.clone() };
        let session = Legacy { caller, ..session.clone() };
        spawn_blocking(move || session.send(2, "ping", json!({})).status).await.unwrap()
    }
}

async fn admin_key(runtime: &Runtime) -> String {
    let (email, password) = ("ada@example.com".into(), "correct horse battery staple".into());
    let ada = ostler::model::NewUser { email, name: "Ada".into(), password, role: Role::Admin };
    let ada = runtime.accounts().create(runtime.embedder(), ada).await.unwrap();
    let ada = runtime.accounts().on_behalf_of(ada.id).await.unwrap();
    runtime.accounts().keys().create(&ada, KeySpec::named("laptop")).await.unwrap().secret
}

/// Waits until so many sessions have ended: the threads of a door drop their apps a moment after it is closed.
async fn until_ended(runtime: &Runtime, sessions: u32) {
    until("the sessions end", async || ended_sessions(runtime).await == sessions).await;
}

/// The number of sessions that the metrics count as ended.
async fn ended_sessions(runtime: &Runtime) -> u32 {
    let page = runtime.metrics().await;
    let counts = page.lines().filter(|line| line.starts_with("mcp_server_session_duration_seconds_count"));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()).sum()
}

/// A server's process, held so that its end can be waited for.
async fn process_of(runtime: &Runtime, id: ServerId) -> OwnedFd {
    let pid = runtime.servers().start(runtime.embedder(), id).await.unwrap().pid.unwrap();
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    pidfd_open(Pid::from_raw(pid.try_into().unwrap()).unwrap(), PidfdFlags::empty()).unwrap()
}

/// Whether the process ends within so many seconds.
async fn ends(process: OwnedFd, seconds: i64) -> bool {
    spawn_blocking(move || has_ended(&process, seconds)).await.unwrap()
}

fn has_ended(process: &OwnedFd, seconds: i64) -> bool {
    let timeout = Timespec { tv_sec: seconds, tv_nsec: 0 };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&timeout)).unwrap() == 1
}
