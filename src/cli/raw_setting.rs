//! [`RawSetting`]: a setting in a source of the configuration.

use crate::cli::{fault::Origin, settings::Setting};

/// A value as it was written, not yet understood.
#[derive(Debug)]
pub(crate) struct RawSetting {
    /// What it sets.
    pub(crate) setting: &'static Setting,
    /// The text; a list is separated by commas.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) origin: Origin,
}
