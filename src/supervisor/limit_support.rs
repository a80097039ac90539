//! Finds out how this machine keeps servers within their limits.

use std::fs;

use crate::model::{EnforcedBy, Enforcement, LimitSupport};

/// Settings of kernels that forbid user namespaces to ordinary users, with the value that does, and why.
const FORBIDDEN: [(&str, &str, &str); 3] = [
    (
        "/proc/sys/user/max_user_namespaces",
        "0",
        "user.max_user_namespaces is 0, so the kernel cannot count for one server",
    ),
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "kernel.unprivileged_userns_clone is 0, so the kernel cannot count for one server",
    ),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "kernel.apparmor_restrict_unprivileged_userns is 1, so the kernel cannot count for one server",
    ),
];

/// The keeper of each limit of servers that Ostler starts, as its user and the kernel's settings say. Blocks, briefly.
pub(super) fn limit_support() -> LimitSupport {
    let of = |by, detail| Enforcement { by, detail };
    LimitSupport {
        memory_mb: of(
            EnforcedBy::Guard,
            "a server with more is ended; shared, cached and kernel memory does not count",
        ),
        processes: processes(rustix::process::geteuid().is_root(), |file| fs::read_to_string(file).ok()),
        cpu_percent: of(EnforcedBy::Guard, "a server that wants more is stopped for a part of each 0.1 s or so"),
        open_files: of(EnforcedBy::Kernel, "RLIMIT_NOFILE of each process"),
        disk_mb: of(EnforcedBy::Guard, "a contained server whose own folder has more is ended"),
    }
}

fn processes(is_root: bool, setting: impl Fn(&str) -> Option<String>) -> Enforcement {
    let forbids = |(file, value, why): &(&str, &str, &'static str)| {
        setting(file).filter(|text| text.trim() == *value).map(|_| *why)
    };
    let why = if is_root {
        Some("Ostler is root, whose processes the kernel never bounds")
    } else {
        FORBIDDEN.iter().find_map(forbids)
    };
    match why {
        Some(detail) => Enforcement { by: EnforcedBy::Guard, detail },
        None => Enforcement { by: EnforcedBy::Kernel, detail: "RLIMIT_NPROC in a user namespace of the server's own" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_counts_processes_where_a_server_may_have_a_namespace() {
        let none = |_: &str| None;
        assert_eq!(processes(false, none).by, EnforcedBy::Kernel);
        assert_eq!(processes(true, none).by, EnforcedBy::Guard);
        for (file, value, _) in FORBIDDEN {
            let found = processes(false, |asked| (asked == file).then(|| format!("{value}\n")));
            assert_eq!(found.by, EnforcedBy::Guard, "{file}");
            let other = processes(false, |asked| (asked == file).then(|| "96364\n".to_owned()));
            assert_eq!(other.by, EnforcedBy::Kernel, "{file}");
        }
    }
}
