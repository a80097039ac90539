//! The mount path: where the URL table begins in the `App` of another program, such as `/tools`, if that mounts it in a
//! scope; empty at the root.

use actix_web::{HttpMessage, HttpRequest, dev::ServiceRequest};

/// A path of the URL table, as data of the resource or the scope that has it.
#[derive(Clone, Copy)]
pub(crate) struct TablePath(pub &'static str);

/// Length of the mount path in the path of the request at hand.
#[derive(Clone, Copy)]
struct MountPathLength(usize);

/// Notes the mount path of a request that the router has led to `table_path`, and no further.
pub(crate) fn note(request: &ServiceRequest, table_path: &str) {
    let below = [table_path, request.match_info().unprocessed()].map(slashes).iter().sum();
    let length = without_segments(request.path(), below).len();
    if length > 0 {
        request.extensions_mut().insert(MountPathLength(length));
    }
}

/// The mount path of a request.
pub(crate) fn path(request: &HttpRequest) -> &str {
    request.path().get(..length(request)).unwrap_or_default()
}

/// The path of a request below the mount path, as the URL table has it.
pub(crate) fn path_below(request: &HttpRequest) -> &str {
    request.path().get(length(request)..).unwrap_or_default()
}

fn length(request: &HttpRequest) -> usize {
    request.extensions().get::<MountPathLength>().map_or(0, |length| length.0)
}

fn slashes(path: &str) -> usize {
    path.bytes().filter(|byte| *byte == b'/').count()
}

/// `path` without its last segments. Counted by their slashes: other characters may be encoded in one of two paths.
fn without_segments(path: &str, count: usize) -> &str {
    let first = path.rmatch_indices('/').take(count).last();
    first.map_or(path, |(at, _)| path.get(..at).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_cut_from_the_end() {
        for (count, left) in [(0, "/tools/dashboard/a%20b"), (2, "/tools"), (3, ""), (9, "")] {
            assert_eq!(without_segments("/tools/dashboard/a%20b", count), left, "{count}");
        }
        assert_eq!((without_segments("/", 1), without_segments("/tools/", 1)), ("", "/tools"));
    }
}
