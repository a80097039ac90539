//! Authentication and rate limits of services.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    Runtime,
    error::Error,
    gateway::Service,
    http1::{Fields, RequestHead},
    model::Principal,
    policy::rate,
    web::{
        authenticate::{SESSION_COOKIE, is_safe, read_bearer},
        host_check::is_from_our_page,
        problem::Problem,
    },
};

/// Authenticates the caller where the service requires it, and counts against its rate limit.
pub(super) async fn admit(
    head: &RequestHead,
    service: &Service,
    runtime: &Runtime,
    address: Option<IpAddr>,
) -> Result<Option<Principal>, Problem> {
    let principal = if service.spec().authentication { Some(identify(head, runtime, address).await?) } else { None };
    if service.spec().rate_limit.is_some() {
        let caller = principal.as_ref().map_or_else(|| source(address), |who| who.user_id.to_string());
        service.admit(&caller).map_err(Error::RateLimited)?;
    }
    Ok(principal)
}

/// As for every other route: what cannot be authenticated counts against the address it came from.
async fn identify(head: &RequestHead, runtime: &Runtime, address: Option<IpAddr>) -> Result<Principal, Problem> {
    let known = authenticate(head, runtime).await;
    if let Err(Problem::Runtime(Error::Unauthenticated(_))) = &known {
        runtime.access().limits().authentication_failure(address)?;
    }
    known
}

async fn authenticate(head: &RequestHead, runtime: &Runtime) -> Result<Principal, Problem> {
    if let Some(token) = read_bearer(head.fields.all("authorization"))? {
        return Ok(runtime.accounts().authenticate(token).await?);
    }
    let unknown = Error::Unauthenticated("send a bearer token or an API key");
    let token = session(&head.fields).ok_or(unknown)?;
    // An upgraded connection changes what it likes.
    if (!is_safe(&head.method) || head.wants_upgrade) && !is_from_our_page(&origin(&head.fields)) {
        return Err(Problem::forbidden(
            "with the session cookie, only Ostler's own pages may do this; trying again does not help",
        ));
    }
    Ok(runtime.accounts().authenticate(token).await?)
}

/// The session cookie.
fn session(fields: &Fields) -> Option<&str> {
    let pairs = fields.all("cookie").flat_map(|line| line.split(|byte| *byte == b';'));
    let texts = pairs.filter_map(|pair| std::str::from_utf8(pair).ok());
    texts
        .filter_map(|text| text.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, value)| value)
}

/// The fields by which browsers say where a request comes from.
fn origin(fields: &Fields) -> HeaderMap {
    header_map(fields, &["sec-fetch-site", "origin", "host"])
}

/// Some fields, as the rest of Ostler reads them.
pub(super) fn header_map(fields: &Fields, names: &[&'static str]) -> HeaderMap {
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
