//! Packages that a command line has a launcher fetch and run: `npx -y PACKAGE`, `uvx PACKAGE` and the like.

mod canary;
mod cures;
mod launchers;
mod own_file;
mod plan;
mod requirement;

pub use canary::canary_calls;
pub use cures::{CureChange, KnownCure, cure, cure_unresolved};
pub use launchers::recognize;
pub use own_file::own_file;
pub use plan::LauncherPlan;
pub use requirement::{is_met, npm_name};
