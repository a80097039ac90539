//! Encryption by rustls, with libpq's meaning of `sslmode`: whom to trust, and whether the name must fit.

use std::{fmt, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    host::Host,
    options::{Encryption, SslRequirement},
    socket::Socket,
};

/// Encrypts one connection.
pub(super) type Connector = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;

/// Encrypts a connection to this host. `Err` says which file cannot be used.
pub(super) fn connector(encryption: &Encryption, host: &Host) -> Result<Connector, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Verifier::new(encryption, Arc::clone(&provider))?);
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(in_words)?.dangerous().with_custom_certificate_verifier(verifier);
    let config = match (&encryption.certificate, &encryption.key) {
        (None, _) => builder.with_no_client_auth(),
        (Some(_), None) => return Err("`sslcert` needs `sslkey`".into()),
        (Some(certificate), Some(key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|cause| format!("{}: {cause}", key.display()))?;
            let chain = certificates(&certificate.to_string_lossy())?;
            builder.with_client_auth_cert(chain, key).map_err(in_words)?
        }
    };
    let mut maker = MakeRustlsConnect::new(config);
    MakeTlsConnect::<Socket>::make_tls_connect(&mut maker, &host.name).map_err(|never| match never {})
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(list) if list.is_empty() => Err(format!("{file}: there is no certificate in it")),
        other => other.map_err(|cause| format!("{file}: {cause}")),
    }
}

fn in_words(cause: impl fmt::Display) -> String {
    cause.to_string()
}

/// Checks what a server shows.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// `None` where any certificate will do.
    trusted: Option<Trusted>,
    checks_name: bool,
}

#[derive(Debug)]
struct Trusted {
    authorities: Arc<WebPkiServerVerifier>,
    /// Those in the file, of which one may be the server's own.
    certificates: Vec<CertificateDer<'static>>,
}

impl Verifier {
    fn new(encryption: &Encryption, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let certificates = match encryption.roots.as_deref() {
            None => None,
            Some("system") => Some(rustls_native_certs::load_native_certs().certs),
            Some(file) => Some(certificates(file)?),
        };
        let trusted = certificates.map(|certificates| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates.iter().cloned());
            let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            builder.build().map(|authorities| Trusted { authorities, certificates }).map_err(in_words)
        });
        Ok(Self { provider, trusted: trusted.transpose()?, checks_name: encryption.mode == SslRequirement::VerifyFull })
    }
}

fn pass_over_name(error: Error) -> Result<ServerCertVerified, Error> {
    if let Error::InvalidCertificate(
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
    ) = error
    {
        return Ok(ServerCertVerified::assertion());
    }
    Err(error)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else { return Ok(ServerCertVerified::assertion()) };
        if !trusted.certificates.iter().any(|known| known == end_entity) {
            let verified = trusted.authorities.verify_server_cert(end_entity, intermediates, name, stapled, now);
            // The name is checked last, and below where it matters.
            verified.or_else(pass_over_name)?;
        }
        if self.checks_name {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
