//! How the runtime itself is: ready or not, its figures, and when it begins to end.

use crate::{error::Result, model::Principal, runtime::Runtime};

/// Whether new work is taken, and why not.
#[derive(Clone, Debug)]
pub struct Readiness {
    /// All checks hold.
    pub ready: bool,
    /// Each check by name, with a reason that names no secret where it does not hold.
    pub checks: Vec<(&'static str, Result<(), String>)>,
}

impl Runtime {
    /// Whether new work is taken: the database takes writes, the supervisor lives, nothing is ending.
    pub async fn readiness(&self) -> Readiness {
        unimplemented!()
    }

    /// Every figure in Prometheus' text format.
    pub fn metrics(&self) -> String {
        unimplemented!()
    }

    /// Completes when the runtime begins to shut down, so that endless answers can end.
    pub async fn draining(self) {
        unimplemented!()
    }

    /// Counts one API request of `who`; `Error::RateLimited` where that is one too many.
    pub fn limit_api(&self, _who: &Principal) -> Result<()> {
        unimplemented!()
    }
}
