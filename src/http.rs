//! The HTTP interface: the URL table on one page, one file per noun below.

mod settings;

pub use settings::Settings;
