//! Methods of HTTP that Ostler takes.

/// Methods that at least one path takes, as `Allow` lists them.
pub const ALLOWED_METHODS: &str = "GET, HEAD, POST, PUT, DELETE";
