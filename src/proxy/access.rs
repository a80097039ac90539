//! Authentication and rate limits of services.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    error::Error,
    http1::Fields,
    model::Principal,
    policy::rate,
    proxy::forwarded_request::ForwardedRequest,
    secrets::SESSION_COOKIE,
    web::{
        authenticate::{NO_CREDENTIAL, is_safe, not_our_page, read_bearer},
        host_check::HostCheck,
        problem::Problem,
    },
};

/// Fields by which browsers and proxies say where a request comes from.
const ORIGIN_FIELDS: [&str; 5] = ["sec-fetch-site", "origin", "host", "x-forwarded-host", "x-forwarded-port"];

/// Authenticates the caller where the service requires it, and counts against its rate limit.
pub(super) async fn admit(call: &ForwardedRequest<'_>, guard: &HostCheck) -> Result<Option<Principal>, Problem> {
    let address = if call.is_trusted {
        let fields = header_map(&call.head.fields, &["forwarded", "x-forwarded-for"]);
        guard.address(Some(SocketAddr::new(call.peer, 0)), &fields)
    } else {
        Some(call.peer)
    };
    let spec = call.service.spec();
    let principal = if spec.authentication { Some(identify(call, guard, address).await?) } else { None };
    if spec.rate_limit.is_some() {
        let caller = principal.as_ref().map_or_else(|| source(address), |who| who.user_id.to_string());
        call.service.admit(&caller).map_err(Error::RateLimited)?;
    }
    Ok(principal)
}

/// As for every other route: what cannot be authenticated counts against the address it came from.
async fn identify(
    call: &ForwardedRequest<'_>,
    guard: &HostCheck,
    address: Option<IpAddr>,
) -> Result<Principal, Problem> {
    let known = authenticate(call, guard).await;
    if let Err(Problem::Runtime(Error::Unauthenticated(_))) = &known {
        call.runtime.access().limits().authentication_failure(address)?;
    }
    known
}

async fn authenticate(call: &ForwardedRequest<'_>, guard: &HostCheck) -> Result<Principal, Problem> {
    let (head, accounts) = (call.head, call.runtime.accounts());
    if let Some(token) = read_bearer(head.fields.all("authorization"))? {
        return Ok(accounts.authenticate(token).await?);
    }
    let session = cookie(&head.fields, accounts.session_cookie()).or_else(|| cookie(&head.fields, SESSION_COOKIE));
    let token = session.ok_or(NO_CREDENTIAL)?;
    // An upgraded connection changes what it likes.
    let changes = !is_safe(&head.method) || head.wants_upgrade;
    if changes && !guard.is_from_our_page(Some(call.peer), &header_map(&head.fields, &ORIGIN_FIELDS)) {
        return Err(not_our_page());
    }
    Ok(accounts.authenticate(token).await?)
}

/// The value of a cookie.
fn cookie<'a>(fields: &'a Fields, wanted: &str) -> Option<&'a str> {
    let pairs = fields.all("cookie").flat_map(|line| line.split(|byte| *byte == b';'));
    let texts = pairs.filter_map(|pair| std::str::from_utf8(pair).ok());
    texts.filter_map(|text| text.trim().split_once('=')).find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// Some fields, as the rest of Ostler reads them.
fn header_map(fields: &Fields, names: &[&'static str]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for name in names {
        for value in fields.all(name).filter_map(|value| HeaderValue::from_bytes(value).ok()) {
            map.append(HeaderName::from_static(name), value);
        }
    }
    map
}

fn source(address: Option<IpAddr>) -> String {
    address.map_or_else(String::new, |address| rate::source(address).to_string())
}
