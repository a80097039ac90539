//! [`Occurrence`]: the request that a problem answers.

use actix_web::HttpRequest;

use crate::web::mount;

/// The request that a problem occurred in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Occurrence<'a> {
    /// The path of the scope that the URL table is in; empty at the root.
    pub mount_path: &'a str,
    /// The whole path that was asked for.
    pub path: &'a str,
    pub request_id: &'a str,
}

impl<'a> Occurrence<'a> {
    /// In a request with this id.
    pub(crate) fn of(request: &'a HttpRequest, request_id: &'a str) -> Self {
        Self { mount_path: mount::path(request), path: request.path(), request_id }
    }

    /// In a request to an Ostler at the root.
    pub(crate) fn at_root(path: &'a str, request_id: &'a str) -> Self {
        Self { mount_path: "", path, request_id }
    }
}
