//! The dashboard: files compiled into the program, each with a tag, and compressed once.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderMap},
};
use bytes::Bytes;
use flate2::Compression;

use crate::web::{
    HandlerResult,
    compression::{WORTH_COMPRESSING, takes_gzip, zip},
    conditional::{is_known, revision_of},
    problem::Problem,
};

/// Nothing but our own files, and no script or style inside the page.
const CONTENT_SECURITY_POLICY: &str = concat!(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src data: blob:; ",
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
);
/// Their names stay the same when they change, so a browser asks each time whether they have.
const CACHE_CONTROL: &str = "no-cache";

// There is no page then.
#[cfg(not(feature = "dashboard"))]
const FILES: &[(&str, &str, &[u8])] = &[];

#[cfg(feature = "dashboard")]
macro_rules! files {
    ($($name:literal $kind:literal)+) => {
        /// Name, media type and content of each.
        const FILES: &[(&str, &str, &[u8])] =
            &[$(($name, $kind, include_bytes!(concat!("../../dashboard/dist/", $name)))),+];
    };
}

#[cfg(feature = "dashboard")]
files! {
    "index.html" "text/html; charset=utf-8"
    "dashboard/app.css" "text/css; charset=utf-8"
    "dashboard/app.js" "text/javascript; charset=utf-8"
    "dashboard/icon.svg" "image/svg+xml"
    "dashboard/theme.js" "text/javascript; charset=utf-8"
}

/// A file, ready to send.
struct File {
    name: &'static str,
    kind: &'static str,
    plain: Form,
    zipped: Option<Form>,
}

/// One way to write a file, and the tag of that.
struct Form {
    tag: String,
    bytes: Bytes,
}

static READY: LazyLock<Vec<File>> = LazyLock::new(|| FILES.iter().map(File::prepare).collect());

impl File {
    fn prepare((name, kind, content): &(&'static str, &'static str, &'static [u8])) -> Self {
        let tag = revision_of(content);
        let zipped = zip(content, Compression::best())
            .ok()
            .filter(|zipped| content.len() >= WORTH_COMPRESSING && zipped.len() < content.len());
        Self {
            name,
            kind,
            zipped: zipped.map(|bytes| Form { tag: format!("\"{tag}-gzip\""), bytes: bytes.into() }),
            plain: Form { tag: format!("\"{tag}\""), bytes: Bytes::from_static(content) },
        }
    }

    fn answer(&self, headers: &HeaderMap) -> HttpResponse {
        let zipped = self.zipped.as_ref().filter(|_| takes_gzip(headers));
        let form = zipped.unwrap_or(&self.plain);
        let is_known = is_known(headers, &form.tag);
        let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        answer
            .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
            .insert_header((header::CACHE_CONTROL, CACHE_CONTROL))
            .insert_header((header::VARY, "Accept-Encoding"))
            .insert_header((header::ETAG, form.tag.as_str()));
        if is_known {
            return answer.finish();
        }
        if zipped.is_some() {
            answer.insert_header((header::CONTENT_ENCODING, "gzip"));
        }
        answer.insert_header((header::CONTENT_TYPE, self.kind)).body(form.bytes.clone())
    }
}

/// Answers with the page.
pub(super) async fn page(request: HttpRequest) -> HandlerResult {
    find("index.html", &request)
}

/// Leads from the path of a scope to the page below it, whose files have relative URLs.
pub(super) async fn to_page(request: HttpRequest) -> HandlerResult {
    Ok(HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, format!("{}/", request.path()))).finish())
}

/// Answers with a file that the page asks for.
pub(super) async fn file(request: HttpRequest) -> HandlerResult {
    find(&format!("dashboard/{}", request.match_info().query("file")), &request)
}

fn find(name: &str, request: &HttpRequest) -> HandlerResult {
    let file = READY.iter().find(|file| file.name == name).ok_or_else(Problem::no_page)?;
    Ok(file.answer(request.headers()))
}

#[cfg(all(test, feature = "dashboard"))]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_file_of_the_page_is_in_the_program() {
        let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboard/dist");
        let mut there = vec!["index.html".to_owned()];
        for entry in fs::read_dir(dist.join("dashboard")).unwrap() {
            there.push(format!("dashboard/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
        there.sort();
        let mut here: Vec<_> = FILES.iter().map(|(name, ..)| (*name).to_owned()).collect();
        here.sort();
        assert_eq!(here, there);
    }
}
