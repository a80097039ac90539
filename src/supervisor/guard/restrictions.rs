//! [`Restrictions`]: what a server's process gives up before it becomes the server's program.
//!
//! All is made before the fork, so that the child only makes system calls. It drops its capabilities, enters its
//! Landlock domain, proves that by the canary, and sets its filter of calls last, as the filter would refuse the rest.

use std::{
    ffi::CString,
    io::{self, PipeReader, PipeWriter, Read},
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
};

use libc::sock_filter;
use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    thread::{CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set},
};

use crate::{
    model::SandboxLevel,
    supervisor::{
        containment::Containment,
        guard::{filter, landlock, spec::Spec, sys},
    },
};

/// The one setting that lets a server run where it cannot be contained.
const REMEDY: &str = "to run it all the same, not contained, set its sandbox level to none";

/// Made restrictions of a server.
pub(super) enum Restrictions {
    /// None.
    None,
    /// Rules that hide Ostler's own data.
    Secluded(OwnedFd),
    /// A containment.
    Contained(Contained),
}

/// A containment as the kernel takes it.
pub(super) struct Contained {
    rules: OwnedFd,
    filter: Vec<sock_filter>,
    canary: CString,
    fault: PipeWriter,
}

/// Reads what kept a child from containing itself.
pub(super) struct Faults(Option<PipeReader>);

impl Restrictions {
    /// Makes those of `spec`. The error says why it cannot be contained here, and what to do.
    pub(super) fn of(spec: &Spec) -> Result<(Self, Faults), String> {
        let failed = |error: io::Error| format!("its rules cannot be made: {error}");
        match (&spec.containment, &spec.seclusion) {
            // Those of an enclosure are its own.
            (Some(containment), _) if containment.level == SandboxLevel::Strict => Ok((Self::None, Faults(None))),
            (Some(containment), _) => {
                let (faults, fault) = io::pipe().map_err(failed)?;
                let contained = Contained::of(containment, fault).map_err(|why| format!("{why}; {REMEDY}"))?;
                Ok((Self::Contained(contained), Faults(Some(faults))))
            }
            (None, Some(seclusion)) => {
                Ok((Self::Secluded(landlock::seclude(seclusion).map_err(failed)?), Faults(None)))
            }
            (None, None) => Ok((Self::None, Faults(None))),
        }
    }

    /// Holds this process to them for good, and all that it starts. Makes plain system calls only.
    pub(super) fn apply(&self) -> io::Result<()> {
        match self {
            Self::None => Ok(()),
            Self::Secluded(rules) => sys::restrict(rules),
            Self::Contained(contained) => contained.apply().map_err(|(step, error)| {
                let _ = rustix::io::write(&contained.fault, step.as_bytes());
                error
            }),
        }
    }
}

impl Contained {
    fn of(containment: &Containment, fault: PipeWriter) -> Result<Self, String> {
        if sys::landlock_version() < landlock::REFER_VERSION {
            return Err("this kernel has no Landlock, or an old one: it takes Linux 5.19 with `landlock` among its \
                        security modules (`lsm=` on its command line, /sys/kernel/security/lsm)"
                .into());
        }
        if !sys::has_filters() {
            return Err("this kernel has no filters of system calls (CONFIG_SECCOMP_FILTER)".into());
        }
        let filter = filter::program(containment).ok_or("there is no filter of system calls for this processor")?;
        let canary = CString::new(containment.canary.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
        // What cannot be opened anyhow would prove nothing.
        open(&canary, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(|error| {
            format!("nothing proves it: {} cannot be opened: {error}", containment.canary.display())
        })?;
        let rules = landlock::contain(containment).map_err(|error| format!("its rules cannot be made: {error}"))?;
        Ok(Self { rules, filter, canary, fault })
    }

    /// The error has the step that failed.
    fn apply(&self) -> Result<(), (&'static str, io::Error)> {
        drop_capabilities().map_err(|error| ("its capabilities cannot be dropped", error.into()))?;
        sys::restrict(&self.rules).map_err(|error| ("the kernel does not take its Landlock rules", error))?;
        match open(&self.canary, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
            Err(Errno::ACCESS) => {}
            Err(error) => return Err(("a file outside was not refused as it should be", error.into())),
            Ok(_) => return Err(("it could open a file of Ostler's from within", Errno::KEYREJECTED.into())),
        }
        sys::filter_calls(&self.filter).map_err(|error| ("the kernel does not take its filter of calls", error))
    }
}

impl Faults {
    /// Why the child could not contain itself, once it has ended and nothing writes any more; `None` where it could.
    pub(super) fn read(self, error: &io::Error) -> Option<String> {
        let mut step = String::new();
        self.0?.read_to_string(&mut step).ok()?;
        (!step.is_empty()).then(|| format!("{step}: {error}; {REMEDY}"))
    }
}

/// Gives up all capabilities, and that a program of root's gets any.
pub(super) fn drop_capabilities() -> rustix::io::Result<()> {
    // Kernels before 4.3 have none such, and a kernel with fewer capabilities refuses the rest.
    let _ = clear_ambient_capability_set();
    for capability in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
        match remove_capability_from_bounding_set(capability) {
            // Without the right to do so it has no other, and without new privileges gets none.
            Ok(()) | Err(Errno::INVAL | Errno::PERM) => {}
            Err(error) => return Err(error),
        }
    }
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}
