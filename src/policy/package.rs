//! Packages that a command line has a launcher fetch and run: `npx -y PACKAGE`, `uvx PACKAGE` and the like.

mod cures;
mod launchers;
mod plan;
mod requirement;

pub use cures::{CureChange, KnownCure, cure, cure_unresolved};
pub use launchers::recognize;
pub use plan::LauncherPlan;
pub use requirement::{is_met, npm_name};
