//! Runtimes for the tests of programs that embed one: each in a temporary folder, with the demo server at hand.
//!
//! ```
//! # #[actix_web::main]
//! # async fn main() -> ostler::Result<()> {
//! use ostler::{calls::CallRequest, serde_json::json};
//!
//! let runtime = ostler::testing::runtime().await?;
//! let demo = runtime.demo_server().await?;
//! let sum = CallRequest::new("add", json!({"a": 2, "b": 3}));
//! assert_eq!(runtime.calls().call(runtime.embedder(), demo, sum).await?.text(), "5");
//! # Ok(())
//! # }
//! ```
//!
//! Tests need nothing else, and may run at once, in one process (`cargo test`) or in many (`cargo nextest`). The test
//! program itself is the demo server, before its `main`, if its first argument says so. Dropped, a runtime leaves
//! neither a process nor a file behind.

use std::{
    env, fs, io, iter,
    ops::Deref,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use uuid::Uuid;

use crate::{
    demo_server,
    error::{Error, Result},
    model::{ServerConfig, ServerId},
    runtime::{Builder, Runtime},
};

/// A [`Runtime`] of one test, with everything of it in a temporary folder.
///
/// Dropped, it ends its servers, cutting calls in flight short, and removes the folder. That blocks for a moment, and
/// ends clones of the runtime as well.
pub struct TestRuntime {
    runtime: Runtime,
    // Removed after the runtime has let go of it: fields are dropped in their order.
    folder: Folder,
}

/// A folder that is removed when it is dropped.
struct Folder(PathBuf);

/// Starts a runtime in a temporary folder.
pub async fn runtime() -> Result<TestRuntime> {
    runtime_with(|builder| builder).await
}

/// Starts a runtime in a temporary folder, with settings changed.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn quick() -> ostler::Result<()> {
/// let runtime = ostler::testing::runtime_with(|builder| builder.call_timeout(Duration::from_secs(1))).await?;
/// # Ok(())
/// # }
/// ```
pub async fn runtime_with(change: impl FnOnce(Builder) -> Builder) -> Result<TestRuntime> {
    let folder = Folder::create().map_err(|cause| Error::Internal(format!("no temporary folder: {cause}")))?;
    let runtime = change(Runtime::builder().data_dir(&folder.0)).start().await?;
    Ok(TestRuntime { runtime, folder })
}

/// Registration of a demo server under this name, for tests that want several, or one with an environment.
pub fn demo_server(name: impl Into<String>) -> Result<ServerConfig> {
    let program = env::current_exe().map_err(|cause| Error::Internal(format!("the program has no path: {cause}")))?;
    Ok(ServerConfig::new(name, program.to_string_lossy()).args(iter::once(demo_server::ARGUMENT)))
}

impl TestRuntime {
    /// Returns the demo server, ready to be called; the first time, it is registered as `demo`.
    pub async fn demo_server(&self) -> Result<ServerId> {
        let server = self.servers().ensure(self.embedder(), demo_server("demo")?).await?.server.id;
        self.servers().start(self.embedder(), server).await?;
        Ok(server)
    }

    /// The temporary folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }
}

impl Deref for TestRuntime {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        &self.runtime
    }
}

impl Drop for TestRuntime {
    fn drop(&mut self) {
        let runtime = self.runtime.clone();
        // On a thread of its own: that of the test may be in a tokio runtime, where it must not wait for another.
        let stop = thread::spawn(move || {
            let executor = tokio::runtime::Builder::new_current_thread().build()?;
            executor.block_on(runtime.stop_within(Duration::ZERO));
            io::Result::Ok(())
        });
        // Where there is no executor, the runtime is dropped, which ends its servers soon after.
        let _ = stop.join();
    }
}

impl Folder {
    /// For this user alone.
    fn create() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("ostler-test-{}", Uuid::new_v4().simple()));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is in the system's folder for what may be removed at any time.
        let _ = fs::remove_dir_all(&self.0);
    }
}
