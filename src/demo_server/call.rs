//! [`Call`] of a tool.

use serde_json::value::RawValue;

use crate::demo_server::style::Style;

/// A call of a tool.
pub(crate) struct Call<'a> {
    /// The request's id, as it was written.
    pub(crate) id: &'a RawValue,
    /// The arguments, as they were written.
    pub(crate) arguments: &'a str,
    /// Names the call in reports of its progress, where its client wants them.
    pub(crate) token: Option<&'a RawValue>,
    /// Form of its result.
    pub(crate) style: Style,
}
