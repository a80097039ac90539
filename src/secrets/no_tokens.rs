//! [`NoTokens`] of a build without the feature `http`: no one logs in.

/// Makes no tokens.
pub(crate) struct NoTokens;

impl NoTokens {
    pub(crate) fn new(_key: &[u8]) -> Self {
        Self
    }
}
