//! [`Style`]: the form of results in each era.

/// Form of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As they are.
    Legacy,
    /// With `resultType` and the server's name.
    Modern,
}
