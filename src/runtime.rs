//! [`Runtime`]: the cloneable handle that HTTP, examples and embedders all call. Start, stop, and who may do what.

mod access;
mod accounts;
mod audit;
mod calls;
mod first_admin;
mod hashing;
mod keyring;
mod keys;
mod limits;
mod login;
mod principals;
mod private_file;
mod random;
mod servers;
mod settings;
mod throttle;
mod tokens;
mod users;

use std::sync::Arc;

use crate::{recorder::Recorder, store::Store};

pub use calls::{CallOutcome, CallRequest};
pub use keys::NewKey;
pub use login::Login;
pub use servers::{HealthReport, HealthSummary, OutputLine, ServerDetails, ServerHealth, Statistics};
pub use settings::Settings;

/// A running Ostler; cheap to clone, usable from every thread.
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

/// What a runtime is made of; the files below each add methods to [`Runtime`].
struct Inner {
    settings: Settings,
    store: Store,
    recorder: Recorder,
    keyring: keyring::Keyring,
    accounts: accounts::Accounts,
    limits: limits::Limits,
}

impl Runtime {
    /// Starts a runtime.
    pub async fn start(_settings: Settings) -> crate::Result<Self> {
        unimplemented!()
    }

    /// The first admin's address and password, where this start made them.
    pub fn first_admin(&self) -> Option<(&str, &str)> {
        unimplemented!()
    }

    /// Refuses new work, lets calls under way finish, ends every server. Again is the same as once.
    pub async fn stop(&self) {
        unimplemented!()
    }
}
