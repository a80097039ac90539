//! Request bodies: reading them, and the problems of those that cannot be read.

use super::*;
use crate::model::{Text, TextMap};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Order {
    #[expect(dead_code)]
    horse: Text,
    #[expect(dead_code)]
    #[serde(default)]
    bags: Vec<u8>,
    #[serde(default)]
    env: TextMap,
}

fn faults(body: &str) -> Vec<(String, String)> {
    match parse::<Order>(body.as_bytes()) {
        Err(Error::Invalid(faults)) => faults.0.into_iter().map(|fault| (fault.pointer, fault.message)).collect(),
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn a_fault_names_its_field() {
    for (body, pointer, says) in [
        (r#"{"horse":1}"#, "/horse", "invalid type: integer `1`, expected a string"),
        (r#"{"horse":"a","bags":[1,300]}"#, "/bags/1", "invalid value: integer `300`, expected u8"),
        (r#"{"horse":"a","cart":1}"#, "/cart", "unknown field `cart`"),
        (r#"{"horse":"a\u0000b"}"#, "/horse", "must not contain U+0000"),
        (r#"{"horse":"a","env":{"a/b":1}}"#, "/env/a~1b", "expected a string"),
        (r#"{"horse":"a","env":{"A":"1","A":"2"}}"#, "/env/A", "duplicate field `A`"),
        (r#"{"horse":"a","horse":"b"}"#, "/horse", "duplicate field `horse`"),
        (r#"{}"#, "/horse", "missing field `horse`"),
        (r#"[]"#, "", "invalid type: array, expected an object"),
        (r#"{"horse":{}}"#, "/horse", "invalid type: object, expected a string"),
    ] {
        let found = faults(body);
        let [(at, message)] = &found[..] else { panic!("{body}: {found:?}") };
        assert!(at == pointer && message.contains(says), "{body}: {found:?}");
    }
}

#[test]
fn what_is_not_json_is_malformed() {
    for body in ["", "{", "{]", "nonsense", r#"{"horse":"a"} trailing"#, "{\"horse\":\"\u{1}\"}", "\u{feff}{}"] {
        assert!(matches!(parse::<Order>(body.as_bytes()), Err(Error::Malformed(_))), "{body}");
    }
    assert!(matches!(parse::<Order>(b"{\"horse\":\"\xff\"}"), Err(Error::Malformed(_))));
}

#[test]
fn a_good_body_is_read() {
    let order: Order = parse(br#"{"horse":"Bess","env":{"A":"1"}}"#).unwrap();
    assert_eq!(order.env.0.get("A").map(String::as_str), Some("1"));
}

async fn extract(request: actix_web::test::TestRequest) -> Result<Bytes, u16> {
    let (request, mut payload) = request.to_http_parts();
    let body = JsonBytes::from_request(&request, &mut payload).await;
    body.map(|body| body.0).map_err(|problem| problem.kind().status)
}

#[actix_web::test]
async fn a_body_must_be_plain_json_and_short() {
    use actix_web::test::TestRequest;
    let json = || TestRequest::post().insert_header((header::CONTENT_TYPE, "application/json; charset=utf-8"));
    assert_eq!(extract(json().set_payload("{}")).await.unwrap(), "{}");
    assert_eq!(extract(TestRequest::post().set_payload("{}")).await, Err(415));
    let form = TestRequest::post().insert_header((header::CONTENT_TYPE, "text/plain"));
    assert_eq!(extract(form.set_payload("{}")).await, Err(415));
    let packed = json().insert_header((header::CONTENT_ENCODING, "gzip"));
    assert_eq!(extract(packed.set_payload("{}")).await, Err(415));
    assert_eq!(extract(json().set_payload(vec![b' '; BODY_BYTES_MAX + 1])).await, Err(413));
    let lying = json().set_payload("{}").insert_header((header::CONTENT_LENGTH, BODY_BYTES_MAX * 2));
    assert_eq!(extract(lying).await, Err(413));
}
