//! What happens to a spooled event after an attempt to deliver it.

use super::verdict::{UnavailableCause, Verdict};

/// What to do with a spooled event and with those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpoolAction {
    /// The event is recorded: remove it from the spool.
    Remove,
    /// The same event will never be recorded: set it aside.
    SetAside,
    /// Keep the event. Events of another product or environment may succeed.
    TryOthers,
    /// Keep the event. No other event would succeed now.
    Stop,
}

/// What follows from `verdict` about a spooled event.
#[must_use]
pub fn spool_action(verdict: &Verdict) -> SpoolAction {
    match verdict {
        Verdict::Recorded(_) => SpoolAction::Remove,
        Verdict::Blocked(_) => SpoolAction::SetAside,
        Verdict::Rejected(rejection) if !rejection.is_recoverable() => SpoolAction::SetAside,
        // A permission may be missing for one product only. Any other recoverable rejection applies to all events.
        Verdict::Rejected(rejection) if rejection.status == 403 => SpoolAction::TryOthers,
        Verdict::Rejected(_) => SpoolAction::Stop,
        Verdict::Unavailable(unavailable) => match unavailable.cause {
            // Without a connection or a reply in time, the next event would get no reply either.
            UnavailableCause::Connect(_)
            | UnavailableCause::TimedOut
            | UnavailableCause::Certificate(_)
            | UnavailableCause::ProxyRefused => SpoolAction::Stop,
            UnavailableCause::Closed(_)
            | UnavailableCause::ProxyLogin
            | UnavailableCause::ProxyAnswered(_)
            | UnavailableCause::Server { .. }
            | UnavailableCause::NotTheApi(..)
            | UnavailableCause::UnexpectedStatus(_) => SpoolAction::TryOthers,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::block::Block;
    use crate::model::verdict::{BodyProblem, CertificateProblem, Rejection, Unavailable};

    #[test]
    fn recorded_events_are_removed_and_blocked_ones_set_aside() {
        assert_eq!(spool_action(&Verdict::Recorded(Box::default())), SpoolAction::Remove);
        let blocked = Verdict::Blocked(Box::new(Block::unreadable_conflict()));
        assert_eq!(spool_action(&blocked), SpoolAction::SetAside);
    }

    #[test]
    fn rejected_events_are_set_aside_unless_they_can_be_delivered_later() {
        let action = |status| spool_action(&Verdict::Rejected(Rejection { status, ..Rejection::default() }));
        for status in 300..500 {
            let expected = match status {
                403 => SpoolAction::TryOthers,
                300..=399 | 401 | 404 => SpoolAction::Stop,
                _ => SpoolAction::SetAside,
            };
            assert_eq!(action(status), expected, "{status}");
        }
    }

    #[test]
    fn unavailable_api_stops_delivery_unless_it_replied_or_closed_the_connection() {
        use UnavailableCause as Cause;
        let cases = [
            (Cause::Connect("refused".into()), SpoolAction::Stop),
            (Cause::TimedOut, SpoolAction::Stop),
            (Cause::Certificate(CertificateProblem::Expired), SpoolAction::Stop),
            (Cause::ProxyRefused, SpoolAction::Stop),
            (Cause::Closed("reset".into()), SpoolAction::TryOthers),
            (Cause::ProxyLogin, SpoolAction::TryOthers),
            (Cause::ProxyAnswered(502), SpoolAction::TryOthers),
            (Cause::Server { status: 503, message: None, maybe_proxy: false }, SpoolAction::TryOthers),
            (Cause::NotTheApi(200, BodyProblem::NotAnObject), SpoolAction::TryOthers),
            (Cause::UnexpectedStatus(600), SpoolAction::TryOthers),
        ];
        for (cause, expected) in cases {
            let unavailable = Unavailable { cause, host: "api".into(), proxy: None, requested_pause: None };
            assert_eq!(spool_action(&Verdict::Unavailable(unavailable.clone())), expected, "{unavailable:?}");
        }
    }
}
