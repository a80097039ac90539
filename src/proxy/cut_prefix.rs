//! [`CutPrefix`]: the start of a path that instances do not get (`stripPrefix`), put back where an answer names a path.
//!
//! Instances that heed `X-Forwarded-Prefix` name whole paths, which stay as they are. Those of another service do, too.

use crate::policy::service::is_below;

/// The prefix that was cut off the path of a request.
pub(super) struct CutPrefix<'a> {
    /// As the instance sees it.
    text: String,
    /// The host that the caller named.
    host: &'a [u8],
    /// True for a path of another service.
    is_other: Box<dyn Fn(&str) -> bool + 'a>,
}

impl<'a> CutPrefix<'a> {
    /// The prefix `text`, of a request to `host`; `is_other` knows the paths of other services.
    pub(super) fn new(text: String, host: &'a [u8], is_other: impl Fn(&str) -> bool + 'a) -> Self {
        Self { text, host, is_other: Box::new(is_other) }
    }

    /// A `Location` or `Content-Location` as the caller needs it; `None` where it is right as it is.
    pub(super) fn location(&self, value: &[u8]) -> Option<String> {
        let value = std::str::from_utf8(value).ok()?;
        let (origin, rest) = self.split_origin(value)?;
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        (path.starts_with('/') && self.is_cut(path)).then(|| format!("{origin}{}{rest}", self.text))
    }

    /// A `Set-Cookie` as the caller needs it; `None` where it is right as it is. `Path=/` is: callers send such a
    /// cookie to the service, too.
    pub(super) fn cookie(&self, value: &[u8]) -> Option<String> {
        let value = std::str::from_utf8(value).ok()?;
        let (pair, attributes) = value.split_once(';')?;
        let whole = attributes.split(';').fold(pair.to_owned(), |whole, one| whole + ";" + &self.attribute(one));
        (whole != value).then_some(whole)
    }

    fn attribute(&self, attribute: &str) -> String {
        let named = attribute.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("path"));
        match named.map(|(_, path)| path.trim()) {
            Some(path) if path.starts_with('/') && path != "/" && self.is_cut(path) => {
                format!(" Path={}{path}", self.text)
            }
            Some(_) | None => attribute.to_owned(),
        }
    }

    /// Scheme and host, where a reference has them, and the rest. `None` where it leads to another host.
    fn split_origin<'v>(&self, value: &'v str) -> Option<(&'v str, &'v str)> {
        let Some((_, after)) = value.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme)) else {
            return (!value.starts_with("//")).then_some(("", value));
        };
        let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
        let rest = after.get(authority.len()..).unwrap_or_default();
        let origin = value.strip_suffix(rest).unwrap_or_default();
        authority.as_bytes().eq_ignore_ascii_case(self.host).then_some((origin, rest))
    }

    /// True for a path in which the prefix is missing.
    fn is_cut(&self, path: &str) -> bool {
        !is_below(path, &self.text) && !(self.is_other)(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix() -> CutPrefix<'static> {
        CutPrefix::new("/api/s".into(), b"h:1", |path| is_below(path, "/other"))
    }

    #[test]
    fn a_location_gets_the_prefix_back_where_it_is_missing() {
        for (given, expected) in [
            ("/login?next=/a", Some("/api/s/login?next=/a")),
            ("/", Some("/api/s/")),
            ("/api/sx", Some("/api/s/api/sx")),
            ("http://h:1/login", Some("http://h:1/api/s/login")),
            ("https://H:1/a://b", Some("https://H:1/api/s/a://b")),
            ("/api/s", None),
            ("/api/s/login", None),
            ("http://h:1/api/s/login", None),
            ("/other/login", None),
            ("http://elsewhere/login", None),
            ("//elsewhere/login", None),
            ("login", None),
            ("?a", None),
            ("mailto:a@b", None),
        ] {
            assert_eq!(prefix().location(given.as_bytes()).as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn so_does_the_path_of_a_cookie_unless_it_is_for_all() {
        for (given, expected) in [
            ("a=b; Path=/shop; Secure", Some("a=b; Path=/api/s/shop; Secure")),
            ("path=/x; path=/shop", Some("path=/x; Path=/api/s/shop")),
            ("a=b; Path=/", None),
            ("a=b; Path=/api/s/shop", None),
            ("a=b; Path=/other", None),
            ("a=b; Secure", None),
            ("a=b", None),
        ] {
            assert_eq!(prefix().cookie(given.as_bytes()).as_deref(), expected, "{given}");
        }
    }
}
