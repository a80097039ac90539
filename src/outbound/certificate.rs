//! Certificates that are not trusted, in words.

use awc::error::{ConnectError, SendRequestError};
use rustls::CertificateError;

/// The reason of a failed connection that lies in the other side's certificate.
pub(crate) fn distrust(error: &SendRequestError) -> Option<String> {
    let SendRequestError::Connect(ConnectError::Io(cause)) = error else { return None };
    let Some(rustls::Error::InvalidCertificate(fault)) = cause.get_ref().and_then(|cause| cause.downcast_ref()) else {
        return None;
    };
    let fault = describe(fault);
    Some(format!("its certificate is not trusted ({fault}); SSL_CERT_FILE names the authorities that are"))
}

/// A failure to send a request.
pub(crate) fn reason(error: &SendRequestError) -> String {
    distrust(error).unwrap_or_else(|| error.to_string())
}

/// Names the fault. Those that the verifier keeps to itself have no text but the debug form of several types.
fn describe(fault: &CertificateError) -> String {
    let CertificateError::Other(cause) = fault else { return fault.to_string() };
    let cause = cause.0.to_string();
    match cause.as_str() {
        "CaUsedAsEndEntity" => "it is an authority's own, not a server's".to_owned(),
        "UnsupportedCertVersion" => "it is of a version before X.509 v3".to_owned(),
        _ => cause,
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use rustls::OtherError;

    use super::*;

    fn reason_of(fault: CertificateError) -> String {
        let cause = rustls::Error::InvalidCertificate(fault);
        reason(&SendRequestError::Connect(ConnectError::Io(io::Error::new(io::ErrorKind::InvalidData, cause))))
    }

    #[test]
    fn a_certificate_is_refused_in_words() {
        let other = |name: &'static str| CertificateError::Other(OtherError(Arc::new(io::Error::other(name))));
        assert!(reason_of(other("CaUsedAsEndEntity")).contains("(it is an authority's own, not a server's)"));
        assert!(reason_of(other("NewFault")).contains("(NewFault)"));
        assert!(reason_of(CertificateError::UnknownIssuer).contains("(UnknownIssuer); SSL_CERT_FILE"));
    }
}
