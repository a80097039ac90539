//! [`ClientUrls`]: where browsers come back to, and where authorization servers read Ostler's client metadata.

use crate::{
    error::{Error, Result},
    policy::issuer,
};

/// Path of the redirect URI, below where browsers reach Ostler.
const CALLBACK_PATH: &str = "/oauth/callback";

/// Path of the page that a browser opens before it is sent to the authorization server.
const CONSENT_PAGE_PATH: &str = "/oauth/consent";

/// Path of the client metadata document.
const CLIENT_METADATA_PATH: &str = "/oauth/client.json";

/// Ostler as authorization servers know it that read clients' metadata (OAuth Client ID Metadata Document).
#[derive(Clone, Debug)]
pub struct ClientMetadata {
    /// URL of the document.
    pub client_id: String,
    /// Redirect URI.
    pub redirect_uri: String,
}

/// URLs of Ostler that a browser opens on the way to a consent and back.
pub(super) struct BrowserUrls {
    pub redirect_uri: String,
    pub consent_page: String,
}

/// URLs of Ostler as an OAuth client.
pub(crate) struct ClientUrls {
    public_url: Option<String>,
    client_metadata_url: Option<String>,
}

impl ClientUrls {
    /// Below `public_url`, but for the metadata where those are elsewhere.
    pub(crate) fn new(public_url: Option<&str>, client_metadata_url: Option<&str>) -> Self {
        let public_url = public_url.map(|url| url.trim_end_matches('/').to_owned());
        Self { public_url, client_metadata_url: client_metadata_url.map(str::to_owned) }
    }

    /// The URL by which browsers reach Ostler.
    pub(super) fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    /// The client metadata; `None` where no URL is known from which authorization servers could read them.
    pub(super) fn metadata(&self) -> Option<ClientMetadata> {
        let public = self.public_url.as_deref();
        // The document must be served with https (OAuth Client ID Metadata Document, section 3).
        let default =
            public.filter(|url| url.starts_with("https://")).map(|url| format!("{url}{CLIENT_METADATA_PATH}"));
        let client_id = self.client_metadata_url.clone().or(default)?;
        Some(ClientMetadata { client_id, redirect_uri: format!("{}{CALLBACK_PATH}", public.unwrap_or_default()) })
    }

    /// The redirect URI and the consent page: below the public URL, or below the host of this very request, if that is
    /// on this machine.
    pub(super) fn for_browsers(&self, host: Option<&str>) -> Result<BrowserUrls> {
        let base = self.public_url.clone().or_else(|| host.map(|host| format!("http://{host}")));
        // A code that travels unencrypted over a network could be read by others.
        let base = base.filter(|base| issuer::is_safe(base)).ok_or_else(|| {
            Error::Conflict("set OSTLER_PUBLIC_URL, to which browsers can come back from consenting".into())
        })?;
        let below = |path: &str| format!("{base}{path}");
        Ok(BrowserUrls { redirect_uri: below(CALLBACK_PATH), consent_page: below(CONSENT_PAGE_PATH) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uri_is_below_the_public_url_or_a_local_host() {
        let public = ClientUrls::new(Some("https://ostler.example/"), None);
        let urls = public.for_browsers(Some("elsewhere")).unwrap();
        assert_eq!(urls.redirect_uri, "https://ostler.example/oauth/callback");
        assert_eq!(urls.consent_page, "https://ostler.example/oauth/consent");
        let none = ClientUrls::new(None, None);
        let redirect_uri = |host| none.for_browsers(host).map(|urls| urls.redirect_uri);
        assert_eq!(redirect_uri(Some("localhost:3010")).unwrap(), "http://localhost:3010/oauth/callback");
        assert!(matches!(redirect_uri(Some("10.0.0.1:3010")), Err(Error::Conflict(_))));
        assert!(matches!(redirect_uri(None), Err(Error::Conflict(_))));
    }

    #[test]
    fn metadata_need_an_https_url() {
        let id = |public, metadata| ClientUrls::new(public, metadata).metadata().map(|metadata| metadata.client_id);
        assert_eq!(id(Some("https://a.example"), None).as_deref(), Some("https://a.example/oauth/client.json"));
        assert_eq!(id(Some("http://localhost:3010"), None), None);
        assert_eq!(id(None, Some("https://b.example/me.json")).as_deref(), Some("https://b.example/me.json"));
    }
}
