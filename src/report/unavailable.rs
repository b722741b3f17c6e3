//! The report of an API that is unavailable: what happened, and what to do about it.

use super::context::ReportContext;
use super::layout::Report;
use super::rejected::reason_phrase;
use super::undelivered::Severity;
use crate::api::LONGEST_PAUSE;
use crate::model::time::format_duration;
use crate::model::verdict::{BodyProblem, CertificateProblem, Unavailable, UnavailableCause};
use crate::text::capitalize;
use reqwest::Url;

/// The report of `unavailable`, after `requests` requests.
#[must_use]
pub fn report(context: ReportContext<'_>, unavailable: &Unavailable, requests: u32, severity: Severity<'_>) -> Report {
    let attempts = if requests > 1 { format!(" ({requests} attempts)") } else { String::new() };
    let mut report = undelivered(context, &format!("{}{attempts}", summary(unavailable)), severity);
    if unavailable.may_be_recorded() {
        report.lead.push("No answer confirmed the event, but the server may have recorded it.".to_owned());
    }
    report.fact("Event", Some(context.name()));
    report.fact("API", Some(context.api().address()));
    report.next.push(format!("{}.", advice(unavailable)));
    if matches!(severity, Severity::Fails) && (context.is_gate() || !context.wrapped) {
        report.next.push("To let jobs continue while the API is down, set fail_on_api_error to false.".to_owned());
    }
    severity.explain(&mut report, context);
    report
}

/// The report of an event that was held back behind an earlier one.
#[must_use]
pub fn held_back(context: ReportContext<'_>, severity: Severity<'_>) -> Report {
    let mut report = undelivered(context, &held_back_reason(context), severity);
    if let Severity::Fails | Severity::Excused = severity {
        report.title = format!("Held back: {}", context.name());
    }
    report.fact("Event", Some(context.name()));
    report.next.push("Run 'versioner flush', which delivers the earlier event or says why it cannot.".to_owned());
    severity.explain(&mut report, context);
    report
}

/// Why an event was not sent.
#[must_use]
pub fn held_back_reason(context: ReportContext<'_>) -> String {
    let event = context.event;
    let environment = event.environment.as_ref().map_or_else(String::new, |it| format!(" → {}", it.value));
    format!("held back: an earlier event of {}{environment} is not delivered yet", event.product.value)
}

fn undelivered(context: ReportContext<'_>, what: &str, severity: Severity<'_>) -> Report {
    let title = match severity {
        Severity::Spooled(_) => severity.spooled_title(context),
        Severity::Fails | Severity::Excused | Severity::Lost(_) => {
            format!("API unavailable: {}", context.name())
        }
    };
    let mut report = Report::new(severity.level(), title);
    report.lead.push(format!("{}.", capitalize(what)));
    report
}

/// What happened, as part of a sentence.
#[must_use]
pub fn summary(unavailable: &Unavailable) -> String {
    let Unavailable { cause, host, proxy, requested_pause } = unavailable;
    let through = proxy.as_ref().map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"));
    let the_proxy = proxy.as_ref().map_or_else(|| "a proxy".to_owned(), |proxy| format!("the proxy {proxy}"));
    let summary = match cause {
        UnavailableCause::Connect(detail) => format!("no connection to {host}{through}: {detail}"),
        UnavailableCause::Closed(detail) => {
            format!("the connection to {host}{through} ended without a reply: {detail}")
        }
        UnavailableCause::TimedOut => format!("no answer from {host}{through} in time"),
        UnavailableCause::Certificate(problem) => {
            format!("the server {host} cannot be trusted{through}: {}", certificate(problem))
        }
        UnavailableCause::ProxyRefused => format!("{the_proxy} refused to connect to {host}"),
        UnavailableCause::ProxyLogin => format!("{the_proxy} answered 407: it requires a user and a password"),
        UnavailableCause::ProxyAnswered(status) => {
            format!("{the_proxy} answered {status} {} instead of the API", reason_phrase(*status))
        }
        UnavailableCause::Server { status, message, maybe_proxy } => {
            let message = message.as_ref().map_or_else(String::new, |message| format!(": {message}"));
            let maybe_proxy = match (maybe_proxy, proxy) {
                (true, Some(proxy)) => format!(" (through the proxy {proxy}, which may have answered itself)"),
                _ => String::new(),
            };
            let answer = format!("the server answered {status} {}", reason_phrase(*status));
            format!("{}{message}{maybe_proxy}", answer.trim_end())
        }
        UnavailableCause::NotTheApi(status, problem) => {
            let problem = match problem {
                BodyProblem::Truncated => "its body was cut short",
                BodyProblem::TooLarge => "its body is larger than 1 MiB, which no answer of the API is",
                BodyProblem::NotAnObject => "its body is not the JSON object that the API sends",
            };
            format!("the reply has status {status}, but {problem}")
        }
        UnavailableCause::UnexpectedStatus(status) => {
            format!("the reply has status {status}, which no answer of the API has")
        }
    };
    match requested_pause {
        Some(pause) => format!("{summary}, and asks for a pause of {}", format_duration(*pause)),
        None => summary,
    }
}

/// What to do about it, as a sentence without its full stop.
#[must_use]
pub fn advice(unavailable: &Unavailable) -> String {
    if let Some(pause) = unavailable.requested_pause {
        return format!(
            "Run this again in {}. Pauses over {} are not made, as the job would hang in silence",
            format_duration(pause),
            format_duration(LONGEST_PAUSE)
        );
    }
    let advice = match &unavailable.cause {
        UnavailableCause::Connect(_) => "Check api_url, the network, and HTTPS_PROXY if this network requires a proxy",
        UnavailableCause::Closed(_) => "Check that api_url is the API's address. If it is, try again",
        UnavailableCause::TimedOut => "Try again. If the API is slow for a known reason, raise request_timeout",
        UnavailableCause::Certificate(problem) => certificate_advice(problem),
        UnavailableCause::ProxyRefused => "Allow CONNECT to the API in the proxy, or add the API's host to NO_PROXY",
        UnavailableCause::ProxyLogin => "Add them to HTTPS_PROXY or HTTP_PROXY (http://user:password@proxy:port)",
        UnavailableCause::ProxyAnswered(_) => "Allow the API in the proxy, or add the API's host to NO_PROXY",
        UnavailableCause::Server { status, .. } => server_advice(*status),
        UnavailableCause::NotTheApi(..) => {
            "Something else answered, such as a captive portal, a login page or a proxy: check api_url and the network"
        }
        UnavailableCause::UnexpectedStatus(_) => "Check api_url",
    };
    advice.to_owned()
}

fn server_advice(status: u16) -> &'static str {
    match status {
        408 => "The server waited too long for the request: check the network, then try again",
        429 => "The rate limit is used up: report fewer events, or spread them out",
        511 => "This network requires a login in a browser first",
        501..=504 | 520..=529 => {
            "The API, or a gateway in front of it, is down or overloaded: check its status page, then try again"
        }
        _ => "The API has a fault: check its status page, try again, and tell its support if it persists",
    }
}

fn certificate_advice(problem: &CertificateProblem) -> &'static str {
    match problem {
        CertificateProblem::UnknownIssuer => {
            "If this network inspects TLS or the API has its own certificate authority, set ca_bundle to that authority's \
             PEM file"
        }
        CertificateProblem::CaAsServer => {
            "If it is the API's own certificate, set ca_bundle to the PEM file of exactly this certificate"
        }
        CertificateProblem::BadSignature => {
            "If the API's certificate authority was replaced, set ca_bundle to the PEM file of the current one"
        }
        CertificateProblem::Expired | CertificateProblem::NotValidYet => {
            "Renew the server's certificate, or correct this machine's clock"
        }
        CertificateProblem::OtherHost => "Check api_url: its host must be one that the certificate names",
        CertificateProblem::NoHost => {
            "Replace the server's certificate with one that names its host as a subjectAltName"
        }
        CertificateProblem::OtherPurpose
        | CertificateProblem::Revoked
        | CertificateProblem::UnknownRevocation
        | CertificateProblem::UnsupportedAlgorithm
        | CertificateProblem::UnsupportedExtension
        | CertificateProblem::Malformed
        | CertificateProblem::Other(_) => "Check api_url. If it is correct, replace the server's certificate",
    }
}

fn certificate(problem: &CertificateProblem) -> String {
    match problem {
        CertificateProblem::UnknownIssuer => "its certificate is signed by an unknown certificate authority",
        CertificateProblem::CaAsServer => "its certificate is self-signed, or that of a certificate authority",
        CertificateProblem::BadSignature => {
            "its certificate is not signed by the authority that it names, or the server does not have its key"
        }
        CertificateProblem::Expired => "its certificate has expired, or this machine's clock is wrong",
        CertificateProblem::NotValidYet => "its certificate is not valid yet, or this machine's clock is wrong",
        CertificateProblem::OtherHost => "its certificate is for other host names",
        CertificateProblem::NoHost => "its certificate is for no host name, as it has no subjectAltName",
        CertificateProblem::OtherPurpose => "its certificate may not be used by a server",
        CertificateProblem::Revoked => "its certificate has been revoked",
        CertificateProblem::UnknownRevocation => "whether its certificate has been revoked could not be determined",
        CertificateProblem::UnsupportedAlgorithm => {
            "its certificate is signed with an algorithm that is not supported, such as SHA-1"
        }
        CertificateProblem::UnsupportedExtension => "its certificate has a critical extension that is not supported",
        CertificateProblem::Malformed => "its certificate cannot be read",
        CertificateProblem::Other(detail) => return format!("its certificate is not acceptable ({detail})"),
    }
    .to_owned()
}

/// The message if the health endpoint `url` answers with `status`.
#[must_use]
pub fn unhealthy(url: &Url, status: u16) -> String {
    format!("{url} answered {status} {}.\nNext: Check api_url.", reason_phrase(status))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(advice(&unavailable).len() > 20, "{unavailable:?}");
        }
    }
    #[test]
    fn every_certificate_problem_is_explained_and_has_advice() {
        for (problem, explanation, next) in [
            (CertificateProblem::UnknownIssuer, "unknown certificate authority", "set ca_bundle"),
            (CertificateProblem::CaAsServer, "self-signed", "set ca_bundle"),
            (CertificateProblem::BadSignature, "not signed by the authority", "set ca_bundle"),
            (CertificateProblem::Expired, "expired", "clock"),
            (CertificateProblem::NotValidYet, "not valid yet", "clock"),
            (CertificateProblem::OtherHost, "other host names", "api_url"),
            (CertificateProblem::NoHost, "no host name", "subjectAltName"),
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
            let (summary, advice) = (summary(&unavailable), advice(&unavailable));
            assert!(summary.contains("api.example cannot be trusted") && summary.contains(explanation), "{summary}");
            assert!(advice.contains(next), "{advice}");
        }
    }
}
