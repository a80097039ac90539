//! [`Config`]: every value that the program runs with.

use crate::cli::logging;

/// Configuration of the whole program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    /// The HTTP side.
    pub(crate) http: ostler::http::HttpSettings,
    /// The servers, the accounts, the data.
    pub(crate) runtime: ostler::runtime::Settings,
    /// The log.
    pub(crate) log: logging::LogSettings,
}
