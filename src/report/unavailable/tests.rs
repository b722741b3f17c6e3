use super::*;
use crate::model::verdict::CertificateProblem;

#[test]
fn every_cause_is_summarized_with_its_proxy_and_has_advice() {
    let causes = [
        (UnavailableCause::Connect("refused".into()), false),
        (UnavailableCause::Closed("reset".into()), true),
        (UnavailableCause::TimedOut, true),
        (UnavailableCause::ProxyRefused, false),
        (UnavailableCause::ProxyLogin, false),
        (UnavailableCause::ProxyAnswered(403), false),
        (UnavailableCause::Certificate(CertificateProblem::Expired), false),
        (UnavailableCause::Server { status: 503, message: None, maybe_proxy: true }, true),
        (UnavailableCause::Server { status: 408, message: None, maybe_proxy: true }, true),
        (UnavailableCause::Server { status: 429, message: None, maybe_proxy: true }, false),
    ];
    for (cause, may_be_recorded) in causes {
        let proxy = Some("http://proxy.example:3128".into());
        let unavailable = Unavailable { cause, host: "api.example".into(), proxy, requested_pause: None };
        assert_eq!(unavailable.may_be_recorded(), may_be_recorded, "{unavailable:?}");
        assert!(summary(&unavailable).contains("proxy.example"), "{}", summary(&unavailable));
        assert!(advice_for(&unavailable).line().len() > 20, "{unavailable:?}");
    }
}

#[test]
fn every_certificate_problem_is_explained_and_has_advice() {
    for (problem, explanation, next) in [
        (CertificateProblem::UnknownIssuer, "unknown certificate authority", "set ca_bundle"),
        (CertificateProblem::CaAsServer, "self-signed", "set ca_bundle"),
        (CertificateProblem::BadSignature, "not signed by the CA", "set ca_bundle"),
        (CertificateProblem::Expired, "expired", "clock"),
        (CertificateProblem::NotValidYet, "not valid yet", "clock"),
        (CertificateProblem::OtherHost, "other hosts", "api_url"),
        (CertificateProblem::NoHost, "no host", "subjectAltName"),
        (CertificateProblem::OtherPurpose, "may not be used by a server", "replace"),
        (CertificateProblem::Revoked, "has been revoked", "replace"),
        (CertificateProblem::UnknownRevocation, "could not be determined", "replace"),
        (CertificateProblem::UnsupportedAlgorithm, "algorithm", "replace"),
        (CertificateProblem::UnsupportedExtension, "extension", "replace"),
        (CertificateProblem::Malformed, "cannot be read", "replace"),
        (CertificateProblem::Other("path len constraint violated".into()), "path len constraint", "replace"),
    ] {
        let cause = UnavailableCause::Certificate(problem);
        let unavailable = Unavailable { cause, host: "api.example".into(), proxy: None, requested_pause: None };
        let (summary, advice) = (summary(&unavailable), advice_for(&unavailable).line());
        assert!(summary.contains("api.example") && summary.contains(explanation), "{summary}");
        assert!(advice.contains(next), "{advice}");
    }
}

#[test]
fn errors_of_the_system_are_lower_case_and_have_no_number() {
    for (given, expected) in [
        ("Connection refused (os error 111)", "connection refused"),
        (
            "failed to lookup address information: Name or service not known",
            "DNS lookup failed: Name or service not known",
        ),
        ("TLS handshake failed", "TLS handshake failed"),
        ("", ""),
    ] {
        assert_eq!(plain_error(&given.into()), expected);
    }
}
