//! Machines with and without each facility.

use super::*;
use crate::model::{EnforcedBy, Enforcement};

fn limits() -> LimitSupport {
    let kernel = Enforcement { by: EnforcedBy::Kernel, detail: "" };
    LimitSupport { memory_mb: kernel, processes: kernel, cpu_percent: kernel, open_files: kernel, disk_mb: kernel }
}

fn good() -> Findings {
    let all = ["memory", "pids", "cpu"].map(str::to_owned).to_vec();
    Findings {
        landlock: Ok(10),
        seccomp: Some("kill_process errno allow\n".into()),
        namespaces: Ok(NamespaceTrial::default()),
        bubblewrap: Some(String::new()),
        control_groups: ControlGroups {
            unified: Some(Hierarchy { controllers: all, is_writable: true }),
            legacy: Vec::new(),
        },
        pressure: None,
        user: 1000,
        servers_user: None,
        limits: limits(),
    }
}

#[track_caller]
fn item(findings: &Findings, name: &str) -> Facility {
    judge(findings).facilities.into_iter().find(|facility| facility.name == name).unwrap()
}

#[test]
fn a_machine_with_everything_has_no_reason_and_no_fix() {
    let machine = judge(&good());
    assert_eq!((machine.standard, machine.strict), (FacilityState::Ok, FacilityState::Ok));
    for facility in machine.facilities {
        assert_eq!(
            (facility.state, &facility.reason, &facility.fix),
            (FacilityState::Ok, &None, &None),
            "{facility:?}"
        );
    }
}

#[test]
fn landlock_says_what_a_newer_kernel_would_add() {
    let of = |landlock| item(&Findings { landlock, ..good() }, "landlock");
    let seven = of(Ok(7));
    assert_eq!((seven.state, seven.found.as_str()), (FacilityState::Ok, "version 7"));
    assert_eq!(seven.reason.as_deref(), Some("it has no rules yet for named UNIX sockets, UDP"));
    let three = of(Ok(3));
    assert_eq!(three.state, FacilityState::Degraded);
    assert!(three.reason.unwrap().contains("TCP ports, control of devices, signals"));
    for (errno, word) in [(libc::ENOSYS, "5.13"), (libc::EOPNOTSUPP, "lsm="), (libc::EPERM, "container")] {
        let none = of(Err(errno));
        assert!(none.state == FacilityState::Missing && none.required && none.fix.unwrap().contains(word), "{word}");
    }
}

#[test]
fn a_level_needs_what_it_is_made_of() {
    let levels = |findings: &Findings| {
        let machine = judge(findings);
        (machine.standard, machine.strict)
    };
    use FacilityState::{Degraded, Missing, Ok as Fine};
    let refused = NamespaceTrial { user: Some(libc::EPERM), ..NamespaceTrial::default() };
    let no_bubblewrap = Findings { bubblewrap: None, ..good() };
    let neither = Findings { namespaces: Ok(refused), ..no_bubblewrap.clone() };
    assert_eq!(levels(&no_bubblewrap), (Fine, Fine));
    assert_eq!(levels(&neither), (Fine, Missing));
    assert_eq!(levels(&Findings { landlock: Ok(4), ..good() }), (Degraded, Degraded));
    assert_eq!(levels(&Findings { seccomp: None, ..good() }), (Missing, Missing));
}

#[test]
fn namespaces_name_what_was_refused_and_the_knob_for_it() {
    let of = |trial: NamespaceTrial| item(&Findings { namespaces: Ok(trial), ..good() }, "namespaces");
    let within = |names: &[&str]| NamespaceTrial {
        user: None,
        within: names.iter().map(|name| ((*name).to_owned(), libc::EPERM)).collect(),
    };
    let full = of(NamespaceTrial { user: Some(libc::ENOSPC), ..NamespaceTrial::default() });
    assert!(full.fix.unwrap().contains("max_user_namespaces"));
    let by_profile = of(within(&NAMESPACES));
    assert_eq!((by_profile.state, by_profile.found.as_str()), (FacilityState::Missing, "user"));
    assert!(by_profile.fix.unwrap().contains("apparmor"));
    let masked = of(within(&["proc"]));
    assert_eq!((masked.state, masked.found.as_str()), (FacilityState::Degraded, "user, mount, pid, ipc, uts, net"));
    assert!(masked.fix.unwrap().contains("/proc"));
    let line = item(&Findings { bubblewrap: Some("bwrap: no".into()), ..good() }, "bubblewrap");
    assert_eq!((line.state, line.reason.as_deref()), (FacilityState::Missing, Some("bwrap: no")));
}

#[test]
fn control_groups_count_where_they_may_be_written() {
    let one = |name: &str, is_writable| Hierarchy { controllers: vec![name.into()], is_writable };
    let of =
        |unified, legacy| item(&Findings { control_groups: ControlGroups { unified, legacy }, ..good() }, "cgroups");
    let empty = Some(Hierarchy { controllers: vec!["hugetlb".into()], is_writable: true });
    let mixed = of(empty, vec![one("memory", true), one("pids", true), one("cpu", false)]);
    assert_eq!((mixed.state, mixed.found.as_str()), (FacilityState::Degraded, "memory (v1), pids (v1)"));
    assert!(mixed.reason.unwrap().starts_with("not delegated to this user: cpu;"));
    let none = of(None, vec![]);
    assert_eq!(none.state, FacilityState::Missing);
    assert!(none.reason.unwrap().starts_with("no hierarchy is mounted"));
}

#[test]
fn root_is_advised_to_run_as_an_ordinary_user() {
    let of = |user| item(&Findings { user, ..good() }, "user");
    let with = |found| item(&Findings { user: 0, servers_user: Some(found), ..good() }, "user");
    assert_eq!(with(Ok("mcp".into())).state, FacilityState::Ok);
    let unknown = with(Err("there is no user mcp".into()));
    assert!(unknown.state == FacilityState::Missing && unknown.required, "{unknown:?}");
    assert!(of(0).fix.unwrap().contains("OSTLER_SERVERS_USER"));
    assert!(of(0).fix.unwrap().contains("ordinary user"));
    assert_eq!(of(1000).state, FacilityState::Ok);
}
