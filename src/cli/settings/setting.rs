//! [`Setting`]: one row of the table.

use crate::cli::config::Config;

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its key in the file; a dot enters a table.
    pub(crate) key: &'static str,
    /// Its environment variable.
    pub(crate) variable: &'static str,
    /// Its flag, without dashes.
    pub(crate) flag: &'static str,
    /// Its type in the file.
    pub(crate) kind: SettingType,
    /// Its meaning, for `--help`.
    pub(crate) help: &'static str,
    /// Reads text into the configuration, or says what is wrong with it.
    pub(crate) put: fn(&mut Config, &str) -> Result<(), String>,
    /// The value for people; never a secret.
    pub(crate) show: fn(&Config) -> String,
}

/// Type of a setting in the file. Everywhere else it is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SettingType {
    /// A string.
    Text,
    /// An integer.
    Whole,
    /// A boolean.
    Switch,
    /// An array of strings, or one string with commas.
    List,
}

impl SettingType {
    /// The kind in words.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Whole => "an integer",
            Self::Switch => "true or false",
            Self::List => "an array of strings",
        }
    }

    /// Placeholder of a value in help.
    pub(crate) fn placeholder(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Whole => "NUMBER",
            Self::Switch => "true|false",
            Self::List => "A,B,…",
        }
    }
}

/// Puts what was parsed in its place.
pub(super) fn set<T>(slot: &mut T, parsed: Result<T, String>) -> Result<(), String> {
    *slot = parsed?;
    Ok(())
}
