//! Authentication: the layer that refuses unknown callers, and [`Caller`], which handlers take.

use std::{
    future::{Ready, ready},
    sync::{Arc, LazyLock},
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    body::{BoxBody, MessageBody},
    cookie::{Cookie, SameSite, time},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{Method, StatusCode, header},
    middleware::Next,
    web,
};

use crate::{
    Runtime,
    error::Error,
    model::{Principal, Timestamp, TraceContext},
    secrets::SESSION_COOKIE,
    web::{
        challenge::{CLIENT_PERMISSIONS, challenge},
        host_check::HostCheck,
        json_rpc,
        problem::Problem,
        settings::HttpSettings,
        trace::CurrentRequestId,
    },
};

/// The answer to a request without any credential.
pub(crate) const NO_CREDENTIAL: Error = Error::Unauthenticated("send a bearer token or an API key");

/// An authenticated caller and the runtime it calls.
#[derive(Clone)]
pub(crate) struct Caller {
    /// The authenticated principal.
    pub who: Arc<Principal>,
    /// The runtime that is called.
    pub runtime: Runtime,
    /// The span of their request, where spans are made.
    pub span: Option<TraceContext>,
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    /// Fails on a route that forgot to stand behind [`layer`], so that forgetting never opens one.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let who = request.extensions().get::<Arc<Principal>>().map(Arc::clone);
        ready(match who {
            Some(who) => {
                let span = request.extensions().get().copied();
                runtime(request.app_data()).map(|runtime| Self { who, runtime, span })
            }
            None => Err(Error::Internal("a route without authentication asked for a caller".into()).into()),
        })
    }
}

/// A caller who need not be anybody, and the runtime it calls.
#[derive(Clone)]
pub(crate) struct AnonymousCaller {
    /// The runtime that is called.
    pub runtime: Runtime,
    /// The client's address.
    pub address: Option<std::net::IpAddr>,
}

impl FromRequest for AnonymousCaller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let address = address(request);
        ready(runtime(request.app_data()).map(|runtime| Self { runtime, address }))
    }
}

/// Authenticates, then counts against the API's rate limit, then lets the request on.
pub(crate) async fn layer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let known = identify(&request, authenticate(&request).await).and_then(|who| {
        runtime(request.app_data())?.access().limits().api(&who)?;
        Ok(who)
    });
    proceed(request, next, known).await
}

/// Authenticates a scraper: by a bearer token alone, and outside the API's rate limit, which its owner needs elsewhere.
pub(crate) async fn scraper_layer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let known = match bearer(request.headers()) {
        Ok(Some(token)) => check(&request, token).await,
        Ok(None) => Err(NO_CREDENTIAL.into()),
        Err(error) => Err(error.into()),
    };
    let known = identify(&request, known);
    proceed(request, next, known).await
}

/// Authenticates a reader of the list of servers, who without any credential is the account whose servers anybody may
/// list, where the operator names one. Such readers count as strangers, by their address.
pub(crate) async fn registry_layer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let has_none = [header::AUTHORIZATION, header::COOKIE].iter().all(|name| !request.headers().contains_key(name));
    let published = if has_none { published(&request).await } else { None };
    let Some(who) = published else { return layer(request, next).await };
    let address = address(request.request());
    let counted = runtime(request.app_data()).and_then(|runtime| {
        runtime.access().limits().authentication_failure(address)?;
        Ok(who)
    });
    let known = identify(&request, counted);
    proceed(request, next, known).await
}

/// The account whose servers anybody may list, as one that may do no more.
async fn published(request: &ServiceRequest) -> Option<Principal> {
    let runtime = request.app_data::<Runtime>()?;
    let email = runtime.servers().published_as()?;
    let user = runtime.accounts().find(runtime.embedder(), email).await.ok()??;
    let who = runtime.accounts().on_behalf_of(user.id).await.ok()?;
    let permissions = who.permissions.intersection(&CLIENT_PERMISSIONS.into_iter().collect());
    Some(Principal { permissions, ..who })
}

/// Lets the request on, or refuses it.
async fn proceed(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    known: Result<Principal, Problem>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match known {
        Ok(principal) => {
            let who = Arc::new(principal);
            request.extensions_mut().insert(Arc::clone(&who));
            Ok(challenged(next.call(request).await?.map_into_boxed_body(), Some(&who)))
        }
        Err(problem) => {
            let (head, payload) = request.parts_mut();
            json_rpc::note_id(head, payload).await;
            Ok(challenged(request.error_response(problem), None))
        }
    }
}

/// An answer that says, where it refuses, how to get a token that would do.
fn challenged(mut answer: ServiceResponse<BoxBody>, who: Option<&Principal>) -> ServiceResponse<BoxBody> {
    if matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let runtime = answer.request().app_data::<Runtime>().cloned();
        challenge(&mut answer, runtime.as_ref(), who);
    }
    answer
}

/// The principal of a request, with what the request says of it. A failed authentication counts against the address it
/// came from.
fn identify(request: &ServiceRequest, known: Result<Principal, Problem>) -> Result<Principal, Problem> {
    let address = address(request.request());
    if let (Err(Problem::Runtime(Error::Unauthenticated(_))), Ok(runtime)) = (&known, runtime(request.app_data())) {
        runtime.access().limits().authentication_failure(address)?;
    }
    Ok(Principal { address, request_id: Some(CurrentRequestId::of(request).as_ref().to_owned()), ..known? })
}

async fn authenticate(request: &ServiceRequest) -> Result<Principal, Problem> {
    if let Some(token) = bearer(request.headers())? {
        return check(request, token).await;
    }
    let own = request.app_data::<Runtime>().and_then(|runtime| request.cookie(runtime.accounts().session_cookie()));
    let session = own.or_else(|| request.cookie(SESSION_COOKIE)).ok_or(NO_CREDENTIAL)?;
    let peer = request.peer_addr().map(|peer| peer.ip());
    if !is_safe(request.method()) && !host_check(request.request()).is_from_our_page(peer, request.headers()) {
        return Err(not_our_page());
    }
    check(request, session.value()).await
}

/// Refuses the session cookie of a page that is not Ostler's own, or not known to be.
pub(crate) fn not_our_page() -> Problem {
    Problem::forbidden(
        "with the session cookie, only Ostler's own pages may do this; behind a proxy, have it pass on the Host header as \
         it came (nginx: proxy_set_header Host $http_host), or list the page's host in OSTLER_ALLOWED_HOSTS and its \
         origin in OSTLER_ALLOWED_ORIGINS (in a program that embeds Ostler: allowed_hosts and allowed_origins of its \
         HttpSettings)",
    )
}

async fn check(request: &ServiceRequest, token: &str) -> Result<Principal, Problem> {
    Ok(runtime(request.app_data())?.accounts().authenticate(token).await?)
}

/// The token of the only `Authorization` header; `None` where there is none.
fn bearer(headers: &header::HeaderMap) -> Result<Option<&str>, Error> {
    read_bearer(headers.get_all(header::AUTHORIZATION).map(header::HeaderValue::as_bytes))
}

/// The token in the only one of these values of `Authorization`; `None` where there is none.
pub(crate) fn read_bearer<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Result<Option<&'a str>, Error> {
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::Unauthenticated("send one authorization header"));
    }
    let (scheme, token) = std::str::from_utf8(value).ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
    let token = token.trim_matches(' ');
    let is_token = (1..=8192).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    if scheme.eq_ignore_ascii_case("bearer") && is_token {
        Ok(Some(token))
    } else {
        Err(Error::Unauthenticated("send the header authorization: Bearer and a token"))
    }
}

/// True for methods that change nothing (RFC 9110, section 9.2.1).
pub(crate) fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

fn runtime(data: Option<&Runtime>) -> Result<Runtime, Problem> {
    data.cloned().ok_or_else(|| Error::Internal("a route was mounted without a runtime".into()).into())
}

fn address(request: &HttpRequest) -> Option<std::net::IpAddr> {
    host_check(request).address(request.peer_addr(), request.headers())
}

/// The check that a request has passed; in the app of another program that has none, one that trusts no proxy.
fn host_check(request: &HttpRequest) -> web::Data<HostCheck> {
    static DEFAULT: LazyLock<web::Data<HostCheck>> =
        LazyLock::new(|| web::Data::new(HostCheck::new(&HttpSettings::default())));
    let layer = request.extensions().get::<web::Data<HostCheck>>().cloned();
    layer.or_else(|| request.app_data().cloned()).unwrap_or_else(|| web::Data::clone(&DEFAULT))
}

/// The cookie that keeps a browser logged in until `expires_at`; `Secure` if the page came by an encrypted connection.
pub(crate) fn session_cookie(
    name: &str,
    headers: &header::HeaderMap,
    token: &str,
    expires_at: Timestamp,
) -> Cookie<'static> {
    let left = expires_at.unix_seconds().saturating_sub(Timestamp::now().unix_seconds());
    let mut cookie = cookie(name, token.to_owned(), time::Duration::seconds(left));
    cookie.set_secure(headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://")));
    cookie
}

/// The cookie that ends that.
pub(crate) fn no_session_cookie(name: &str) -> Cookie<'static> {
    cookie(name, String::new(), time::Duration::ZERO)
}

fn cookie(name: &str, value: String, max_age: time::Duration) -> Cookie<'static> {
    let cookie = Cookie::build(name.to_owned(), value).path("/").http_only(true).same_site(SameSite::Strict);
    cookie.max_age(max_age).finish()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderValue};

    use super::*;

    fn read(values: &[&'static str]) -> Result<Option<String>, Error> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer(&headers).map(|token| token.map(str::to_owned))
    }

    #[test]
    fn the_scheme_may_be_written_in_any_case() {
        assert_eq!(read(&["Bearer abc"]).unwrap().as_deref(), Some("abc"));
        assert_eq!(read(&["bEARER  abc"]).unwrap().as_deref(), Some("abc"));
        assert_eq!(read(&[]).unwrap(), None);
    }

    #[test]
    fn anything_but_one_bearer_token_is_refused() {
        for values in
            [&["Bearer a", "Bearer a"][..], &["Basic YTpi"], &["Bearer"], &["Bearer "], &["Bearer a b"], &["Bearer\ta"]]
        {
            assert!(matches!(read(values), Err(Error::Unauthenticated(_))), "{values:?}");
        }
    }

    #[test]
    fn the_session_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let ends = Timestamp::now().plus(std::time::Duration::from_secs(60));
        let mut headers = HeaderMap::new();
        let text = session_cookie("s", &headers, "t", ends).to_string();
        assert!(text.contains("HttpOnly") && text.contains("SameSite=Strict") && text.contains("Path=/"), "{text}");
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://team.example"));
        assert!(session_cookie("s", &headers, "t", ends).to_string().contains("Secure"));
        assert!(no_session_cookie("s").to_string().contains("Max-Age=0"));
    }
}
