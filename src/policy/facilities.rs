//! Judgement of what a machine offers to keep servers apart.

mod control_groups;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Facility, FacilityState, LimitSupport, Machine};

pub use control_groups::{ControlGroups, Hierarchy};

/// Rights that Landlock learnt with a version, and the version.
const LANDLOCK_RIGHTS: [(i64, &str); 7] = [
    (2, "moving files between folders"),
    (3, "cutting files"),
    (4, "TCP ports"),
    (5, "control of devices"),
    (6, "signals and abstract UNIX sockets"),
    (9, "named UNIX sockets"),
    (10, "UDP"),
];

/// The version of Landlock below which another server can be signalled.
const LANDLOCK_VERSION_WANTED: i64 = 6;

/// Namespaces of the level `strict`, in the order in which they are tried.
pub const NAMESPACES: [&str; 6] = ["mount", "pid", "ipc", "uts", "net", "proc"];

/// Results of the attempts to make namespaces as any user may: the error number of each that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceTrial {
    /// Error number of a user namespace; `None` where there is one.
    pub user: Option<i32>,
    /// Error numbers of [`NAMESPACES`] within it that failed.
    pub within: BTreeMap<String, i32>,
}

/// Everything that was found by trying.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The version of Landlock, or the error number of the kernel.
    pub landlock: Result<i64, i32>,
    /// Actions of system call filters, as the kernel lists them; `None` where it has no filters.
    pub seccomp: Option<String>,
    /// Namespaces; `Err` says why they were not tried.
    pub namespaces: Result<NamespaceTrial, String>,
    /// The first line of what bubblewrap said, empty where it worked; `None` where it is not installed.
    pub bubblewrap: Option<String>,
    /// Control groups.
    pub control_groups: ControlGroups,
    /// The error number of a pressure trigger; `None` where it was set.
    pub pressure: Option<i32>,
    /// The effective user.
    pub user: u32,
    /// The account that contained servers run as, if one is named; `Err` says why they cannot.
    pub servers_user: Option<Result<String, String>>,
    /// The keepers of servers' limits.
    pub limits: LimitSupport,
}

/// The judgement of all findings.
#[must_use]
pub fn judge(findings: &Findings) -> Machine {
    let landlock = landlock(findings.landlock);
    let seccomp = seccomp(findings.seccomp.as_deref());
    let namespaces = namespaces(&findings.namespaces);
    let bubblewrap = bubblewrap(findings.bubblewrap.as_deref());
    let standard = landlock.state.min(seccomp.state);
    let strict = standard.min(namespaces.state.max(bubblewrap.state));
    let control_groups = control_groups::judge(&findings.control_groups);
    let pressure = pressure(findings.pressure);
    let user = user(findings.user, findings.servers_user.as_ref());
    let facilities = vec![landlock, seccomp, namespaces, bubblewrap, control_groups, pressure, user];
    Machine { standard, strict, facilities, limits: findings.limits }
}

fn landlock(version: Result<i64, i32>) -> Facility {
    let version = match version {
        Ok(version) if version > 0 => version,
        Ok(_) | Err(libc::ENOSYS) => {
            let fix = "run Linux 5.13 or newer, built with CONFIG_SECURITY_LANDLOCK";
            return Facility::ok("landlock", "none").required().but(
                FacilityState::Missing,
                "the kernel does not have it",
                fix,
            );
        }
        Err(libc::EOPNOTSUPP) => {
            return Facility::ok("landlock", "none").required().but(
                FacilityState::Missing,
                "it was left out when the kernel was booted",
                "add `landlock` to the kernel's parameter `lsm=`",
            );
        }
        Err(errno) => {
            let why = format!("the kernel refuses it: {}", reason_of(errno));
            let fix = "let the container's system call filter pass the calls landlock_*";
            return Facility::ok("landlock", "none").required().but(FacilityState::Missing, why, fix);
        }
    };
    let missing: Vec<_> =
        LANDLOCK_RIGHTS.iter().filter(|(since, _)| *since > version).map(|(_, right)| *right).collect();
    let found = Facility::ok("landlock", format!("version {version}")).required();
    let reason = || format!("it has no rules yet for {}", missing.join(", "));
    match (version < LANDLOCK_VERSION_WANTED, missing.is_empty()) {
        (true, _) => found.but(FacilityState::Degraded, reason(), "run Linux 6.12 or newer"),
        (false, false) => Facility { reason: Some(reason()), ..found },
        (false, true) => found,
    }
}

fn seccomp(actions: Option<&str>) -> Facility {
    if actions.is_some_and(|actions| actions.split_whitespace().any(|action| action == "errno")) {
        return Facility::ok("seccomp", "filters of system calls").required();
    }
    let fix = "run a kernel that is built with CONFIG_SECCOMP_FILTER";
    Facility::ok("seccomp", "none").required().but(FacilityState::Missing, "the kernel has no system call filters", fix)
}

fn namespaces(trial: &Result<NamespaceTrial, String>) -> Facility {
    let none = Facility::ok("namespaces", "none");
    let trial = match trial {
        Err(why) => return none.but(FacilityState::Missing, format!("could not be tried: {why}"), "see the reason"),
        Ok(trial) => trial,
    };
    match trial.user {
        Some(libc::ENOSPC) => {
            let fix = "raise the kernel's limit: sysctl user.max_user_namespaces";
            return none.but(FacilityState::Missing, "this user may make no user namespace", fix);
        }
        Some(errno) => {
            let why = format!("a user namespace is refused: {}", reason_of(errno));
            let fix = "allow it: sysctl kernel.unprivileged_userns_clone=1; in a container, by its system call filter";
            return none.but(FacilityState::Missing, why, fix);
        }
        None => {}
    }
    let refused: Vec<_> = NAMESPACES.iter().filter_map(|name| Some((*name, *trial.within.get(*name)?))).collect();
    let made: Vec<_> = NAMESPACES.into_iter().filter(|name| !trial.within.contains_key(*name)).collect();
    let found = Facility::ok("namespaces", ["user"].into_iter().chain(made).collect::<Vec<_>>().join(", "));
    let Some((_, errno)) = refused.first() else { return found };
    let names = refused.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let why = format!("refused within a user namespace: {names}: {}", reason_of(*errno));
    let fix = match refused.as_slice() {
        [("proc", _)] => "let the container have an unmasked /proc, as by `--security-opt systempaths=unconfined`",
        _ => {
            "allow it: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for Ostler; in a \
             container, by its system call filter"
        }
    };
    // Without a mount namespace there is no other view of the files.
    let is_partial = !refused.iter().any(|(name, _)| *name == "mount");
    found.but(if is_partial { FacilityState::Degraded } else { FacilityState::Missing }, why, fix)
}

fn bubblewrap(line: Option<&str>) -> Facility {
    match line {
        Some("") => Facility::ok("bubblewrap", "works"),
        Some(line) => {
            let fix = "see namespaces; an AppArmor profile for bwrap may be missing";
            Facility::ok("bubblewrap", "installed").but(FacilityState::Missing, line, fix)
        }
        None => {
            let fix = "install the package bubblewrap; it is not needed where namespaces are ok";
            Facility::ok("bubblewrap", "none").but(
                FacilityState::Missing,
                "there is no `bwrap` where systems put it, such as /usr/bin",
                fix,
            )
        }
    }
}

fn pressure(errno: Option<i32>) -> Facility {
    let (why, fix) = match errno {
        None => return Facility::ok("pressure", "stalls for memory wake the watchdog"),
        Some(libc::ENOENT) => ("the kernel measures no pressure".into(), "run a kernel that is built with CONFIG_PSI"),
        Some(libc::EOPNOTSUPP) => {
            ("it was left out when the kernel was booted".into(), "add `psi=1` to its parameters")
        }
        Some(errno) => (format!("a trigger is refused: {}", reason_of(errno)), "run Linux 6.6 or newer, or as root"),
    };
    let none = Facility::ok("pressure", "none");
    none.but(FacilityState::Degraded, format!("{why}; memory is looked at by the clock alone"), fix)
}

fn user(id: u32, of_servers: Option<&Result<String, String>>) -> Facility {
    let found = if id == 0 { "root".to_owned() } else { format!("user {id}") };
    match of_servers {
        Some(Ok(name)) => Facility::ok("user", format!("{found}, and {name} for contained servers")),
        Some(Err(why)) => {
            let fix = "set OSTLER_SERVERS_USER to a user without rights and without files, or leave it out";
            Facility::ok("user", found).required().but(FacilityState::Missing, why, fix)
        }
        None if id != 0 => Facility::ok("user", found),
        None => Facility::ok("user", found).but(
            FacilityState::Degraded,
            "servers run as root as well, though without capabilities",
            "set OSTLER_SERVERS_USER to a user without rights and without files, or run Ostler as an ordinary user",
        ),
    }
}

/// The words of the kernel for an error number.
fn reason_of(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}

#[cfg(test)]
mod tests;
