//! Encryption in the dialer, below `awc`, so that [`CloseDelimited`](super::close_delimited) reads decrypted bytes.
//!
//! Left to itself, `awc` encrypts what is `https` above every dialer. So it takes each request for one of [`Http`], and
//! the dialer makes that [`https`] again before it connects and encrypts.

use std::{
    sync::{Arc, LazyLock},
    task::{Context, Poll},
};

use actix_service::Service;
use actix_tls::connect::{
    ConnectInfo,
    rustls_0_23::{TlsConnector, TlsConnectorService},
};
use awc::{
    ConnectRequest,
    http::{Uri, uri::Scheme},
    middleware::Transform,
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

/// TLS settings: the authorities that this machine trusts, or those in `SSL_CERT_FILE`. Read once; `Err` says why no
/// server can be trusted.
static CONFIG: LazyLock<Result<Arc<ClientConfig>, String>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(
            "this machine trusts no certificate authority: install ca-certificates, or set SSL_CERT_FILE".into()
        );
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
});

/// Encrypts connections to servers whose authority is trusted; the reason where none is.
pub(super) fn encryptor() -> Result<TlsConnectorService, String> {
    CONFIG.clone().map(TlsConnector::service)
}

/// The place that `awc` took for one of `http`.
pub(super) fn https(target: &ConnectInfo<Uri>) -> ConnectInfo<Uri> {
    ConnectInfo::new(with_scheme(target.request(), Scheme::HTTPS))
}

fn with_scheme(uri: &Uri, scheme: Scheme) -> Uri {
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(scheme);
    // Valid parts stay valid; and nothing can be connected to at the default.
    Uri::from_parts(parts).unwrap_or_default()
}

/// Calls each request one of `http`.
pub(super) struct Http<S>(pub S);

impl<S: Service<ConnectRequest>> Transform<S, ConnectRequest> for Http<()> {
    type Transform = Http<S>;

    fn new_transform(self, service: S) -> Http<S> {
        Http(service)
    }
}

impl<S: Service<ConnectRequest>> Service<ConnectRequest> for Http<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&self, mut request: ConnectRequest) -> Self::Future {
        // Ostler sends no others. They would fail: `awc` itself encrypts nothing.
        if let ConnectRequest::Client(head, ..) = &mut request
            && head.extra_headers().is_none()
        {
            let mut plain = head.as_ref().clone();
            plain.uri = with_scheme(&plain.uri, Scheme::HTTP);
            *head = plain.into();
        }
        self.0.call(request)
    }
}
