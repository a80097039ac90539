//! [`Runtime`]: the cloneable handle that HTTP, examples and embedders all call. Start, stop, and who may do what.

mod accounts;
mod audit;
mod calls;
mod keyring;
mod limits;
mod login;
mod servers;
mod settings;

use std::sync::Arc;

use crate::{recorder::Recorder, store::Store};

pub use crate::model::OutputLine;
pub use accounts::NewKey;
pub use calls::{CallOutcome, CallRequest};
pub use login::Login;
pub use servers::{HealthReport, HealthSummary, ServerDetails, ServerHealth, Statistics};
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
