//! What is wrong with a certificate, and what to do about it.

use crate::model::verdict::CertificateProblem;
use crate::report::layout::Step;
use crate::report::markup::words;

/// How the certificate is, after `the certificate of api.versioner.io`.
#[must_use]
pub fn state(problem: &CertificateProblem) -> &'static str {
    match problem {
        CertificateProblem::Expired => "has expired",
        CertificateProblem::NotValidYet => "is not valid yet",
        CertificateProblem::OtherHost | CertificateProblem::NoHost => "is for another host",
        CertificateProblem::Revoked => "has been revoked",
        CertificateProblem::Malformed => "cannot be read",
        CertificateProblem::UnknownIssuer
        | CertificateProblem::CaAsServer
        | CertificateProblem::BadSignature
        | CertificateProblem::OtherPurpose
        | CertificateProblem::UnknownRevocation
        | CertificateProblem::UnsupportedAlgorithm
        | CertificateProblem::UnsupportedExtension
        | CertificateProblem::Other(_) => "is not trusted",
    }
}

/// Why, as a sentence without its full stop.
#[must_use]
pub fn reason(problem: &CertificateProblem) -> String {
    match problem {
        CertificateProblem::UnknownIssuer => "It was issued by an unknown certificate authority (CA)",
        CertificateProblem::CaAsServer => "It is self-signed, or it is the certificate of a CA",
        CertificateProblem::BadSignature => {
            "It is not signed by the CA that it names, or the server does not have its key"
        }
        CertificateProblem::Expired | CertificateProblem::NotValidYet => {
            "If it should be valid, this machine's clock is wrong"
        }
        CertificateProblem::OtherHost => "It names other hosts than the one in api_url",
        CertificateProblem::NoHost => "It names no host: it has no subjectAltName",
        CertificateProblem::OtherPurpose => "It may not be used by a server",
        CertificateProblem::Revoked => "Its CA has withdrawn it",
        CertificateProblem::UnknownRevocation => "Whether it has been revoked could not be determined",
        CertificateProblem::UnsupportedAlgorithm => {
            "It is signed with an algorithm that is not supported, such as SHA-1"
        }
        CertificateProblem::UnsupportedExtension => "It has a critical extension that is not supported",
        CertificateProblem::Malformed => "It is damaged, or not an X.509 certificate",
        CertificateProblem::Other(detail) => return format!("It is not acceptable: {detail}"),
    }
    .to_owned()
}

/// What to do about it.
#[must_use]
pub fn advice(problem: &CertificateProblem) -> Step {
    match problem {
        CertificateProblem::UnknownIssuer => Step::new(
            "If your network inspects TLS,",
            words("set ").setting("ca_bundle").words(" to your CA's PEM file."),
        ),
        CertificateProblem::CaAsServer => Step::new(
            "If you trust it,",
            words("set ").setting("ca_bundle").words(" to the PEM file of exactly this certificate."),
        ),
        CertificateProblem::BadSignature => Step::new(
            "If the API's CA was replaced,",
            words("set ").setting("ca_bundle").words(" to the current CA's PEM file."),
        ),
        CertificateProblem::Expired | CertificateProblem::NotValidYet => {
            Step::new("Renew", words("the server's certificate, or correct this machine's clock."))
        }
        CertificateProblem::OtherHost => {
            Step::new("Check", words("").setting("api_url").words(": its host must be one that the certificate names."))
        }
        CertificateProblem::NoHost => {
            Step::new("Replace", words("the server's certificate with one that names its host as a subjectAltName."))
        }
        CertificateProblem::OtherPurpose
        | CertificateProblem::Revoked
        | CertificateProblem::UnknownRevocation
        | CertificateProblem::UnsupportedAlgorithm
        | CertificateProblem::UnsupportedExtension
        | CertificateProblem::Malformed
        | CertificateProblem::Other(_) => Step::new(
            "Check",
            words("").setting("api_url").words(". If it is right, replace the server's certificate."),
        ),
    }
}
