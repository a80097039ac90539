//! Methods of HTTP that Ostler takes.

/// Methods that at least one path takes, as `Allow` lists them.
pub(crate) const ALLOWED_METHODS: &str = "GET, HEAD, POST, PUT, DELETE";
