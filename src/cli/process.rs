//! This process to the operating system: its limits, its protection, its duties.

use std::io;

use ostler::supervisor::reap_orphans;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::spawn_blocking,
};

/// The process id of the first process of a container.
const FIRST_PROCESS: u32 = 1;

/// Takes as many file descriptors as it may have: each server costs several, each client one.
pub(crate) fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        log::warn!(error:% = error; "cannot raise the limit of open files");
    }
}

/// Closes memory, environment and descriptors of this process to its children, which run as the same user.
#[cfg(target_os = "linux")]
pub(crate) fn close_to_others() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};

    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        log::warn!(error:% = error; "servers could read the memory of this process");
    }
}

/// Says that there is no such protection here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn close_to_others() {
    log::warn!("servers could read the memory of this process; only Linux can prevent it");
}

/// Waits for all that end as children of this process, where it is the first of a container: what `docker exec` and
/// probes leave behind, what a killed guard guarded. Elsewhere another process does.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    if std::process::id() != FIRST_PROCESS {
        return Ok(());
    }
    let mut ended = signal(SignalKind::child())?;
    actix::spawn(async move {
        while ended.recv().await.is_some() {
            // It does not panic.
            let _ = spawn_blocking(reap_orphans).await;
        }
    });
    Ok(())
}
