//! [`Config`]: every value that the program runs with.

use crate::cli::logging;

/// Everything the program can be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    /// The HTTP side.
    pub(crate) http: ostler::http::Settings,
    /// The servers, the accounts, the data.
    pub(crate) runtime: ostler::runtime::Settings,
    /// The log.
    pub(crate) log: logging::Settings,
}
