//! [`HostCheck`]: refuses foreign hosts and pages before anything else reads the request.

use std::net::{IpAddr, SocketAddr};

use actix_web::{
    HttpResponse,
    dev::ServiceRequest,
    http::{
        Method, Uri, Version,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
};

use ipnet::IpNet;

use crate::web::{client_address, methods::ALLOWED_METHODS, mount, problem::Problem, settings::HttpSettings};

/// Headers of answers that a page of an allowed origin may read.
const EXPOSED_HEADERS: &str =
    "ETag, Location, Mcp-Session-Id, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, X-Request-Id";
/// Headers that such a page may send.
const ALLOWED_HEADERS: &str = concat!(
    "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, MCP-Protocol-Version, ",
    "Mcp-Method, Mcp-Name, Mcp-Session-Id, X-Request-Id, traceparent, tracestate"
);
/// Seconds for which a browser remembers the answer to a preflight.
pub(crate) const PREFLIGHT_SECONDS: &str = "600";
/// Prefix of the headers that repeat arguments of tools (2026-07-28, transports/streamable-http).
const ARGUMENT_HEADER_PREFIX: &str = "mcp-param-";
/// Paths of probes and scrapers, which ask by an address that no setting could name. A page under a rebound name gains
/// nothing there: they are open, or take a bearer token alone.
const MACHINE_PATHS: [&str; 4] = ["/livez", "/readyz", "/health", "/metrics"];

/// Refuses requests for hosts that are not allowed (421), against DNS rebinding, and from pages of origins that are not
/// (403); answers preflights of those that are. The paths of probes and `/metrics` take any host.
///
/// [`HttpServer`](crate::http::HttpServer) has it already. A program that mounts [`routes`](crate::http::routes) wraps
/// its `App` or scope in it, its own pages included:
///
/// ```no_run
/// # use ostler::{actix_web::{App, web}, http};
/// # fn app(runtime: ostler::Runtime) {
/// let mut settings = http::HttpSettings::default();
/// settings.allowed_hosts = vec!["team.example".into()];
/// settings.allowed_origins = vec!["https://wiki.example".into()];
/// let tools = web::scope("/tools").configure(http::routes(runtime)).wrap(http::HostCheck::new(&settings));
/// let app = App::new().service(tools);
/// # let _ = app;
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct HostCheck {
    bound: IpAddr,
    hosts: Vec<String>,
    origins: Vec<String>,
    proxies: Vec<IpNet>,
}

/// A request that may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// From our own page, or from no page.
    SameOrigin,
    /// From a page of this allowed origin.
    CrossOrigin(HeaderValue),
    /// A browser asks whether a page of this allowed origin may send something.
    Preflight(HeaderValue),
}

impl HostCheck {
    /// The check that these settings describe: by their host, the address that is listened on, and their allowed hosts,
    /// allowed origins and trusted proxies. Loopback names and addresses are always allowed.
    #[must_use]
    pub fn new(settings: &HttpSettings) -> Self {
        Self {
            bound: settings.host,
            hosts: settings.allowed_hosts.iter().map(|host| host.trim_end_matches('.').to_lowercase()).collect(),
            origins: settings.allowed_origins.iter().map(|origin| as_browsers_send(origin)).collect(),
            proxies: settings.trusted_proxies.clone(),
        }
    }

    /// Adds the host and origin of the URL by which browsers reach Ostler.
    pub(crate) fn with_public_url(mut self, url: Option<&str>) -> Self {
        let uri = url.and_then(|url| url.to_lowercase().parse::<Uri>().ok());
        if let Some((scheme, authority)) = uri.as_ref().and_then(|uri| uri.scheme_str().zip(uri.authority())) {
            self.hosts.push(authority.host().trim_matches(['[', ']']).trim_end_matches('.').to_owned());
            self.origins.push(as_browsers_send(&format!("{scheme}://{authority}")));
        }
        self
    }

    /// Admits a request, or refuses it by its host or origin.
    pub(crate) fn admit(&self, request: &ServiceRequest) -> Result<Admission, Problem> {
        let headers = request.headers();
        self.check_named_host(request)?;
        let Some(origin) = only(headers, &header::ORIGIN)? else { return Ok(Admission::SameOrigin) };
        let text = origin.to_str().unwrap_or_default();
        if self.is_own_origin(text, request.peer_addr().map(|peer| peer.ip()), headers) {
            return Ok(Admission::SameOrigin);
        }
        self.check_origin(text)?;
        let asks = request.method() == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        Ok(if asks { Admission::Preflight(origin.clone()) } else { Admission::CrossOrigin(origin.clone()) })
    }

    /// The address of the client.
    pub(crate) fn address(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        client_address::address(peer, headers, &self.proxies)
    }

    /// True for a trusted proxy, whose fields about its clients count.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        client_address::contains(&self.proxies, peer.to_canonical())
    }

    /// Refuses pages of an origin that is not in the list.
    pub(crate) fn check_origin(&self, origin: &str) -> Result<(), Problem> {
        if self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
            return Ok(());
        }
        Err(Problem::forbidden(
            "pages of this origin may not call; list it in OSTLER_ALLOWED_ORIGINS (in a program that embeds Ostler: \
             HttpSettings::allowed_origins), or if it is Ostler's own, have the proxy pass on the Host header as it \
             came (nginx: proxy_set_header Host $http_host)",
        ))
    }

    /// True where a request that a browser authenticates by itself comes from Ostler's own page: `Sec-Fetch-Site` where
    /// it sends it; else an `Origin` of the host that the request is for, or one whose host and origin are both listed.
    pub(crate) fn is_from_our_page(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> bool {
        if let Some(site) = headers.get("sec-fetch-site") {
            return site == "same-origin";
        }
        let Some(origin) = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) else { return false };
        self.is_own_origin(origin, peer, headers) || self.is_listed_page(origin)
    }

    /// True for pages of the host that a request is for, as the request or a trusted proxy names it.
    fn is_own_origin(&self, origin: &str, peer: Option<IpAddr>, headers: &HeaderMap) -> bool {
        let named = headers.get(header::HOST).and_then(|host| split_authority(host.to_str().ok()?));
        let authorities = [named, self.reported_authority(peer, headers)];
        authorities.into_iter().flatten().any(|authority| is_origin_of(origin, authority))
    }

    /// True for an allowed origin whose host is an allowed one: a page of Ostler's own behind a proxy that replaces
    /// `Host`.
    fn is_listed_page(&self, origin: &str) -> bool {
        let host = split_origin(origin).map(|(host, _)| host);
        self.check_origin(origin).is_ok() && host.is_some_and(|host| self.is_listed(host))
    }

    /// The authority that the client used, where a trusted proxy says it and its host is an allowed one: a proxy may
    /// pass on what the client wrote.
    fn reported_authority<'a>(&self, peer: Option<IpAddr>, headers: &'a HeaderMap) -> Option<Authority<'a>> {
        let first = |name: &str| Some(headers.get(name)?.to_str().ok()?.split(',').next()?.trim());
        peer.filter(|peer| self.trusts(*peer))?;
        let authority = first("x-forwarded-host").or_else(|| headers.get(header::HOST)?.to_str().ok())?;
        let (host, port) = split_authority(authority)?;
        self.is_ours(host).then(|| (host, port.or_else(|| first("x-forwarded-port")?.parse().ok())))
    }

    /// Refuses a request for an authority that is malformed or not allowed (DNS rebinding).
    fn check_named_host(&self, request: &ServiceRequest) -> Result<(), Problem> {
        let named = match only(request.headers(), &header::HOST)? {
            Some(value) => value.to_str().map_err(|_| malformed_host())?,
            None if request.version() <= Version::HTTP_10 => "localhost",
            None => return Err(malformed_host()),
        };
        match self.check_host(named) {
            Err(Problem::MisdirectedRequest) if MACHINE_PATHS.contains(&mount::path_below(request.request())) => Ok(()),
            checked => checked,
        }
    }

    /// Refuses an authority that is malformed or not allowed.
    pub(crate) fn check_host(&self, authority: &str) -> Result<(), Problem> {
        let (host, _) = split_authority(authority).ok_or_else(malformed_host)?;
        if self.is_ours(host) { Ok(()) } else { Err(Problem::MisdirectedRequest) }
    }

    fn is_ours(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        if host.eq_ignore_ascii_case("localhost") {
            return true;
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        // A rebound name is never an address, so one that listens everywhere may be called by any address.
        let by_address = bare.parse::<IpAddr>().is_ok_and(|address| {
            address.to_canonical().is_loopback() || address == self.bound || self.bound.is_unspecified()
        });
        by_address || self.is_listed(bare)
    }

    fn is_listed(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }
}

impl Admission {
    /// The answer to a preflight with these headers; `None` for any other request.
    pub(crate) fn answer(&self, headers: &HeaderMap) -> Option<HttpResponse> {
        matches!(self, Self::Preflight(_)).then(|| {
            HttpResponse::NoContent()
                .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS))
                .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(headers)))
                .insert_header((header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS))
                .finish()
        })
    }

    /// Lets the page that asked read the answer.
    pub(crate) fn add_headers(self, headers: &mut HeaderMap) {
        let (Self::CrossOrigin(origin) | Self::Preflight(origin)) = self else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

/// The headers that a page may send, of those it asks for in a preflight and of all that we know.
fn allowed_headers(preflight: &HeaderMap) -> String {
    let asked = preflight.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok());
    let names =
        asked.unwrap_or_default().split(',').filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok());
    names
        .filter(|name| name.as_str().starts_with(ARGUMENT_HEADER_PREFIX))
        .fold(ALLOWED_HEADERS.to_owned(), |all, name| format!("{all}, {name}"))
}

/// An origin in lower case, without the port that is its scheme's own.
fn as_browsers_send(origin: &str) -> String {
    let origin = origin.trim_end_matches('/').to_lowercase();
    let port = if origin.starts_with("https:") { ":443" } else { ":80" };
    origin.strip_suffix(port).map_or(origin.clone(), str::to_owned)
}

/// True where `origin` is that of pages of this authority. A port that is not named is the scheme's own: browsers leave
/// it out, some proxies add it.
fn is_origin_of(origin: &str, (host, port): Authority<'_>) -> bool {
    let default = if origin.starts_with("https:") { 443 } else { 80 };
    split_origin(origin).is_some_and(|(name, named)| {
        name.eq_ignore_ascii_case(host) && named.unwrap_or(default) == port.unwrap_or(default)
    })
}

/// Host and port of an origin.
fn split_origin(origin: &str) -> Option<Authority<'_>> {
    origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).and_then(split_authority)
}

/// The only value of a field that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name);
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => Err(Problem::malformed(format!("the {name} header is there twice"))),
    }
}

fn malformed_host() -> Problem {
    Problem::malformed("the host header is missing or malformed")
}

/// Host, and port where there is one.
type Authority<'a> = (&'a str, Option<u16>);

/// Splits an authority without user part; `None` where it is malformed (RFC 9110, section 7.2).
fn split_authority(text: &str) -> Option<Authority<'_>> {
    let (host, port) = match text.rfind(']') {
        Some(end) => text.split_at_checked(end + 1)?,
        None => text.split_at_checked(text.find(':').unwrap_or(text.len()))?,
    };
    let port = match port.strip_prefix(':') {
        // A port may be left out behind its colon, too.
        Some("") => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        None if port.is_empty() => None,
        Some(_) | None => return None,
    };
    let is_name = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let is_address = |inner: &str| inner.parse::<std::net::Ipv6Addr>().is_ok();
    let holds = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => is_address(inner),
        None => !host.is_empty() && host.len() <= 253 && is_name(host),
    };
    holds.then_some((host, port))
}

#[cfg(test)]
mod tests;
