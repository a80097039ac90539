//! [`RawSetting`]: a setting in a source of the configuration.

use crate::cli::{fault::Origin, settings::Setting};

/// A value as it was written, not yet understood.
#[derive(Debug)]
pub(crate) struct RawSetting {
    /// The setting.
    pub(crate) setting: &'static Setting,
    /// The text; a list is separated by commas.
    pub(crate) text: String,
    /// The source of the text.
    pub(crate) origin: Origin,
}
