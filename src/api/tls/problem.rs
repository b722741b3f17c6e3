//! TLS errors as problems that people understand.
//!
//! The texts of rustls' errors contain names of Rust's types. Does not own: wording (`report`), but for errors other than
//! those of certificates.

use crate::model::verdict::CertificateProblem;
use rustls::{CertificateError, OtherError};
use std::error::Error;
use std::io;

/// The TLS error in `error`, which is wrapped in I/O errors that do not return it as their source.
pub(in crate::api) fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut inner: &'a (dyn Error + 'static) = error;
    while let Some(next) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        inner = next;
    }
    inner.downcast_ref()
}

/// What `error` means for people.
pub(in crate::api) fn certificate_problem(error: &CertificateError) -> CertificateProblem {
    match error {
        CertificateError::UnknownIssuer => CertificateProblem::UnknownIssuer,
        CertificateError::BadSignature => CertificateProblem::BadSignature,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateProblem::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => CertificateProblem::NotValidYet,
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            CertificateProblem::NoHost
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateProblem::OtherHost
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            CertificateProblem::OtherPurpose
        }
        CertificateError::Revoked => CertificateProblem::Revoked,
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. }
        | CertificateError::InvalidOcspResponse => CertificateProblem::UnknownRevocation,
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            CertificateProblem::UnsupportedAlgorithm
        }
        CertificateError::UnhandledCriticalExtension => CertificateProblem::UnsupportedExtension,
        CertificateError::BadEncoding => CertificateProblem::Malformed,
        error if is_ca_as_server(error) => CertificateProblem::CaAsServer,
        CertificateError::Other(OtherError(inner)) => CertificateProblem::Other(spell_out(&inner.to_string()).into()),
        error => CertificateProblem::Other(spell_out(&error.to_string()).into()),
    }
}

/// Whether a server has the certificate of an authority, as most self-signed certificates are.
pub(in crate::api) fn is_ca_as_server(error: &CertificateError) -> bool {
    // The error's type is private to rustls: only its text can be matched.
    matches!(error, CertificateError::Other(OtherError(inner)) if inner.to_string() == "CaUsedAsEndEntity")
}

/// The text of `error`, without the syntax of Rust's types.
pub(in crate::api) fn describe(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(_) => "the answer is not TLS".to_owned(),
        error => spell_out(&error.to_string()),
    }
}

/// `text` with names of Rust's types, as the texts of TLS errors have them, as words: `HandshakeFailure` is handshake failure.
fn spell_out(text: &str) -> String {
    let spell_out = |word: &str| {
        let is_name = word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.contains(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_name {
            return word.to_owned();
        }
        let mut words = String::with_capacity(word.len() + 4);
        for c in word.chars() {
            if c.is_ascii_uppercase() && !words.is_empty() {
                words.push(' ');
            }
            words.push(c.to_ascii_lowercase());
        }
        words
    };
    text.split(' ').map(spell_out).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::ExtendedKeyPurpose;
    use rustls::pki_types::{ServerName, UnixTime};
    use std::sync::Arc;

    /// An error of the library below rustls, whose text is the name of a variant.
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Inner(&'static str);

    fn other(name: &'static str) -> CertificateError {
        CertificateError::Other(OtherError(Arc::new(Inner(name))))
    }

    #[test]
    fn every_certificate_error_has_a_readable_problem() {
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1));
        let expected = ServerName::try_from("api.example").unwrap();
        let not_valid_for = |presented: &[&str]| CertificateError::NotValidForNameContext {
            expected: expected.clone(),
            presented: presented.iter().map(|name| (*name).to_owned()).collect(),
        };
        #[expect(deprecated, reason = "the library may still return it")]
        let unsupported = CertificateError::UnsupportedSignatureAlgorithm;
        let wrong_purpose = CertificateError::InvalidPurposeContext {
            required: ExtendedKeyPurpose::ServerAuth,
            presented: vec![ExtendedKeyPurpose::ClientAuth],
        };
        let unsupported_for_key = CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![6],
            public_key_algorithm_id: vec![6],
        };
        let unsupported_context = CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![6],
            supported_algorithms: Vec::new(),
        };
        for (error, problem) in [
            (CertificateError::BadEncoding, CertificateProblem::Malformed),
            (CertificateError::Expired, CertificateProblem::Expired),
            (CertificateError::ExpiredContext { time, not_after: time }, CertificateProblem::Expired),
            (CertificateError::NotValidYet, CertificateProblem::NotValidYet),
            (CertificateError::NotValidYetContext { time, not_before: time }, CertificateProblem::NotValidYet),
            (CertificateError::Revoked, CertificateProblem::Revoked),
            (CertificateError::UnhandledCriticalExtension, CertificateProblem::UnsupportedExtension),
            (CertificateError::UnknownIssuer, CertificateProblem::UnknownIssuer),
            (CertificateError::UnknownRevocationStatus, CertificateProblem::UnknownRevocation),
            (CertificateError::ExpiredRevocationList, CertificateProblem::UnknownRevocation),
            (
                CertificateError::ExpiredRevocationListContext { time, next_update: time },
                CertificateProblem::UnknownRevocation,
            ),
            (CertificateError::InvalidOcspResponse, CertificateProblem::UnknownRevocation),
            (CertificateError::BadSignature, CertificateProblem::BadSignature),
            (unsupported, CertificateProblem::Other("unsupported signature algorithm".into())),
            (unsupported_context, CertificateProblem::UnsupportedAlgorithm),
            (unsupported_for_key, CertificateProblem::UnsupportedAlgorithm),
            (CertificateError::NotValidForName, CertificateProblem::OtherHost),
            (not_valid_for(&["other.example"]), CertificateProblem::OtherHost),
            (not_valid_for(&[]), CertificateProblem::NoHost),
            (CertificateError::InvalidPurpose, CertificateProblem::OtherPurpose),
            (wrong_purpose, CertificateProblem::OtherPurpose),
            (
                CertificateError::ApplicationVerificationFailure,
                CertificateProblem::Other("application verification failure".into()),
            ),
            (other("CaUsedAsEndEntity"), CertificateProblem::CaAsServer),
            (other("NameConstraintViolation"), CertificateProblem::Other("name constraint violation".into())),
            (other("UnsupportedCertVersion"), CertificateProblem::Other("unsupported cert version".into())),
        ] {
            assert_eq!(certificate_problem(&error), problem, "{error:?}");
        }
    }

    #[test]
    fn names_of_types_are_spelled_out() {
        for (text, expected) in [
            ("received fatal alert: HandshakeFailure", "received fatal alert: handshake failure"),
            (
                "peer is incompatible: ServerDoesNotSupportTls12Or13",
                "peer is incompatible: server does not support tls12 or13",
            ),
            ("peer sent no TLS record", "peer sent no TLS record"),
        ] {
            assert_eq!(spell_out(text), expected);
        }
    }
}
