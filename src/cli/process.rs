//! Limits and protection of this process, set by the operating system.

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
