//! Compression of answers (gzip): documents, figures and JSON of a known length, never a stream.
//!
//! Not for requests with a cookie: a page that has a browser send them and chooses part of the answer could guess the
//! rest by the answer's length (BREACH). Bearer tokens are sent by their holder alone.

use std::io::{self, Write};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    dev::ServiceResponse,
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
};
use flate2::{Compression, write::GzEncoder};

/// Bytes below which the gain is not worth a header.
pub(crate) const WORTH_COMPRESSING: usize = 1024;
/// Bytes beyond which compression would hold up a worker's other requests for long.
const COMPRESSED_BYTES_MAX: u64 = 1 << 20;
/// Media types that are compressed. Those of Ostler's own pages, figures and documents.
const COMPRESSIBLE: [&str; 5] =
    ["application/json", "application/openmetrics-text", "text/html", "text/css", "text/plain"];

/// Compresses an answer where its caller takes that.
pub(crate) fn compress(answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if !is_compressible(&answer) {
        return answer;
    }
    let is_taken = takes_gzip(answer.request().headers());
    answer.map_body(|head, body| {
        head.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        let plain = match body.try_into_bytes() {
            Ok(plain) if is_taken => plain,
            Ok(plain) => return BoxBody::new(plain),
            Err(body) => return body,
        };
        match zip(&plain, Compression::fast()) {
            Ok(zipped) => {
                head.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                BoxBody::new(zipped)
            }
            Err(_) => BoxBody::new(plain),
        }
    })
}

fn is_compressible(answer: &ServiceResponse<BoxBody>) -> bool {
    let (request, headers) = (answer.request(), answer.headers());
    let is_read = [Method::GET, Method::HEAD].contains(request.method()) && answer.status() == StatusCode::OK;
    // A tag is of the plain form, and `If-Match` holds changes against it.
    let is_plain = !headers.contains_key(header::CONTENT_ENCODING) && !headers.contains_key(header::ETAG);
    let BodySize::Sized(length) = answer.response().body().size() else { return false };
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()?.split(';').next());
    is_read
        && is_plain
        && !request.headers().contains_key(header::COOKIE)
        && (WORTH_COMPRESSING..).contains(&usize::try_from(length).unwrap_or_default())
        && length <= COMPRESSED_BYTES_MAX
        && kind.is_some_and(|kind| COMPRESSIBLE.contains(&kind))
}

/// Compresses `content`.
pub(crate) fn zip(content: &[u8], level: Compression) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(content)?;
    encoder.finish()
}

/// The members of a header that is a list.
pub(crate) fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// True where the caller takes answers that are compressed.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    members(headers, &header::ACCEPT_ENCODING).any(|member| {
        let mut parts = member.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"));
        let is_refused = |part: &str| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        is_gzip && !parts.any(is_refused)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::{HttpResponse, test::TestRequest};

    use super::*;

    #[test]
    fn compression_is_used_where_it_is_taken() {
        let takes = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            takes_gzip(&headers)
        };
        assert!(takes("gzip, deflate, br") && takes("br;q=1.0, GZIP;q=0.2"));
        assert!(!takes("br") && !takes("gzip;q=0, br") && !takes("identity") && !takes("gzip; q=0.000"));
    }

    fn encoding(request: TestRequest, kind: &str, length: usize) -> Option<String> {
        let request = request.append_header(("accept-encoding", "gzip")).to_srv_request();
        let answer = HttpResponse::Ok().content_type(kind).body("x".repeat(length));
        let headers = compress(request.into_response(answer)).headers().clone();
        headers.get(header::CONTENT_ENCODING).map(|coding| coding.to_str().unwrap().to_owned())
    }

    #[test]
    fn what_a_browser_asks_for_by_itself_streams_and_short_answers_are_sent_as_they_are() {
        assert_eq!(encoding(TestRequest::get(), "application/json", 2000).as_deref(), Some("gzip"));
        assert_eq!(encoding(TestRequest::get(), "application/json", 20), None);
        assert_eq!(encoding(TestRequest::get(), "application/json", 2 << 20), None);
        assert_eq!(encoding(TestRequest::get(), "text/event-stream", 2000), None);
        assert_eq!(encoding(TestRequest::post(), "application/json", 2000), None);
        let cookie = TestRequest::get().append_header(("cookie", "ostler_session=x"));
        assert_eq!(encoding(cookie, "application/json", 2000), None);
    }
}
