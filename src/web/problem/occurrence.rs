//! [`Occurrence`]: the request that a problem answers.

use actix_web::HttpRequest;

use crate::web::mount;

/// The request that a problem occurred in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Occurrence<'a> {
    /// The path of the scope that the URL table is in, empty at the root; `None` outside of it.
    pub mount_path: Option<&'a str>,
    /// The whole path that was asked for.
    pub path: &'a str,
    pub request_id: &'a str,
}

// The lifetimes are those of the functions, so that one of these can be chosen before the request is there.
impl Occurrence<'_> {
    /// In a request with this id to the URL table.
    pub(crate) fn of<'a>(request: &'a HttpRequest, request_id: &'a str) -> Occurrence<'a> {
        Occurrence { mount_path: Some(mount::path(request)), path: request.path(), request_id }
    }

    /// In a request with this id that may be for a page of another program.
    pub(crate) fn outside<'a>(request: &'a HttpRequest, request_id: &'a str) -> Occurrence<'a> {
        Occurrence { mount_path: None, path: request.path(), request_id }
    }

    /// In a request to an Ostler at the root.
    pub(crate) fn at_root<'a>(path: &'a str, request_id: &'a str) -> Occurrence<'a> {
        Occurrence { mount_path: Some(""), path, request_id }
    }
}
