//! What to do about an API that is unavailable.

use super::certificate;
use crate::model::verdict::{Unavailable, UnavailableCause};
use crate::report::context::ReportContext;
use crate::report::layout::Step;
use crate::report::markup::words;
use crate::report::times::minutes;

/// What to do about it, most useful first.
pub(super) fn advice(context: ReportContext<'_>, unavailable: &Unavailable) -> Vec<Step> {
    match &unavailable.cause {
        UnavailableCause::Server { status: 511, .. } => vec![advice_for(unavailable)],
        UnavailableCause::Server { .. } | UnavailableCause::Closed(_) | UnavailableCause::TimedOut => {
            let when = match unavailable.requested_pause {
                Some(pause) => words(" in ").computed(minutes(pause)).words("."),
                None => words(" in a few minutes."),
            };
            let first = Step::new("", context.again_link().and(when));
            vec![first, advice_for(unavailable)]
        }
        _ => vec![advice_for(unavailable)],
    }
}

/// What to do about the cause.
#[must_use]
pub fn advice_for(unavailable: &Unavailable) -> Step {
    match &unavailable.cause {
        UnavailableCause::Connect(_) => Step::new(
            "Check",
            words("")
                .setting("api_url")
                .words(", your network, and ")
                .setting("HTTPS_PROXY")
                .words(" if this runner needs a proxy."),
        ),
        UnavailableCause::Closed(_) => {
            Step::new("Does it happen again?", words("Check that ").setting("api_url").words(" is the API's address."))
        }
        UnavailableCause::TimedOut => {
            Step::new("Does it happen again?", words("Raise ").setting("request_timeout").words("."))
        }
        UnavailableCause::Certificate(problem) => certificate::advice(problem),
        UnavailableCause::ProxyRefused | UnavailableCause::ProxyAnswered(_) => {
            Step::new("Allow", words("the API's host in the proxy, or add it to ").setting("NO_PROXY").words("."))
        }
        UnavailableCause::ProxyLogin => Step::new(
            "Add",
            words("user and password to ")
                .setting("HTTPS_PROXY")
                .words(" or ")
                .setting("HTTP_PROXY")
                .words(": http://user:password@proxy:port"),
        ),
        UnavailableCause::Server { status: 429, .. } => Step::new(
            "Does it happen often?",
            words("The rate limit is used up: report fewer events, or spread them out."),
        ),
        UnavailableCause::Server { status: 408, .. } => {
            Step::new("Does it happen again?", words("Check the network: the request took too long to arrive."))
        }
        UnavailableCause::Server { status: 511, .. } => {
            Step::new("Log in", words("to this network with a browser first."))
        }
        UnavailableCause::Server { .. } => Step::new("Does it last?", words("Check the API's status page.")),
        UnavailableCause::NotTheApi(..) => Step::new(
            "Check",
            words("")
                .setting("api_url")
                .words(" and the network: a login page, a captive portal or a proxy may have answered."),
        ),
        UnavailableCause::UnexpectedStatus(_) => Step::new("Check", words("").setting("api_url").words(".")),
    }
}

/// How to go on when the API is down, for an error that may pass.
pub(super) fn tolerate(context: ReportContext<'_>, unavailable: &Unavailable) -> Option<Step> {
    let may_pass = match &unavailable.cause {
        UnavailableCause::Server { status, .. } => *status != 429,
        UnavailableCause::Closed(_) | UnavailableCause::TimedOut => true,
        UnavailableCause::NotTheApi(..)
        | UnavailableCause::UnexpectedStatus(_)
        | UnavailableCause::Connect(_)
        | UnavailableCause::Certificate(_)
        | UnavailableCause::ProxyRefused
        | UnavailableCause::ProxyLogin
        | UnavailableCause::ProxyAnswered(_) => false,
    };
    let set = || words("set ").setting("fail_on_api_error: false").words(". ");
    match (may_pass, context.is_gate(), context.wrapped) {
        (true, true, _) => Some(Step::new(
            "To deploy even when the API is down,",
            set().words("Deployment Rules are then not checked."),
        )),
        (true, false, false) => Some(Step::new(
            "To continue even when the API is down,",
            set().words("The event is then queued and delivered later."),
        )),
        _ => None,
    }
}
