//! Control groups, of either version, that a process may make groups in.

use crate::model::{Facility, FacilityState};

/// Controllers that limits need, in the words of version 2.
const CONTROLLERS: [&str; 3] = ["memory", "pids", "cpu"];

/// A hierarchy of control groups, at the group of this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchy {
    /// Its controllers.
    pub controllers: Vec<String>,
    /// True where this process may make groups in it.
    pub is_writable: bool,
}

/// The hierarchies of a machine, as this process sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlGroups {
    /// The hierarchy of version 2, if it is mounted.
    pub unified: Option<Hierarchy>,
    /// The hierarchies of version 1.
    pub legacy: Vec<Hierarchy>,
}

impl ControlGroups {
    /// Hierarchies with controllers, each with its version.
    fn all(&self) -> impl Iterator<Item = (u8, &Hierarchy)> {
        self.unified.iter().map(|unified| (2, unified)).chain(self.legacy.iter().map(|legacy| (1, legacy)))
    }
}

pub(super) fn judge(groups: &ControlGroups) -> Facility {
    let version_of = |name: &str, must_be_writable: bool| {
        let has = |hierarchy: &Hierarchy| hierarchy.controllers.iter().any(|controller| controller == name);
        let fits = |hierarchy: &Hierarchy| has(hierarchy) && (hierarchy.is_writable || !must_be_writable);
        groups.all().find(|(_, hierarchy)| fits(hierarchy)).map(|(version, _)| version)
    };
    let writable: Vec<_> = CONTROLLERS.iter().filter_map(|name| Some((*name, version_of(name, true)?))).collect();
    let found: Vec<_> = writable.iter().map(|(name, version)| format!("{name} (v{version})")).collect();
    let named = |names: Vec<&str>| names.join(", ");
    let missing: Vec<_> = CONTROLLERS.into_iter().filter(|name| version_of(name, true).is_none()).collect();
    let facility = Facility::ok("cgroups", if found.is_empty() { "none".to_owned() } else { found.join(", ") });
    if missing.is_empty() {
        return facility;
    }
    let closed: Vec<_> = missing.iter().copied().filter(|name| version_of(name, false).is_some()).collect();
    let why = if groups.unified.is_none() && groups.legacy.is_empty() {
        "no hierarchy is mounted".to_owned()
    } else if closed.is_empty() {
        format!("no hierarchy has {}", named(missing))
    } else {
        format!("not delegated to this user: {}", named(closed))
    };
    let reason = format!("{why}; Ostler measures instead, and ends what is over its limit");
    let fix =
        "run Ostler as a service with `Delegate=memory pids cpu` (systemd), or with writable cgroups in a container";
    facility.but(if found.is_empty() { FacilityState::Missing } else { FacilityState::Degraded }, reason, fix)
}
