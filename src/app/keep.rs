//! What could not be delivered: keeping it, and delivering it later.
//!
//! Owns: when and in which order, and what is left where. Does not own: files (`spool`), nor words for people (`report`).

use super::call::Call;
use crate::api::reply::{Refusal, Unreached, Verdict, reason};
use crate::api::{Answer, Client, Sending};
use crate::clock::Clock;
use crate::gate::wait::Wait;
use crate::report::Fate;
use crate::report::refused::Keepsake;
use crate::report::subject::Subject;
use crate::settings::Keeping;
use crate::spool::{Kept, Scope, Spool, Waiting};
use crate::text::shown;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How much trouble is taken to deliver what is kept.
pub(super) struct Effort {
    /// With which patience each is sent.
    pub(super) client: Client,
    /// The longest for all of it.
    pub(super) limit: Option<Duration>,
    /// The longest that is waited for another process which delivers.
    pub(super) patience: Duration,
}

/// What came of delivering.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// How many were delivered.
    pub(super) count: usize,
    /// What is left, of which product and environment, and of a newer version.
    pub(super) left: Vec<Scope>,
    pub(super) newer: usize,
    /// How many are of other keys, by key.
    pub(super) others: Vec<(String, usize)>,
    /// Why the last one failed.
    pub(super) failure: Option<String>,
}

/// So many in a row that the server does not take mean that it takes none.
const MOST_FAILURES: usize = 3;

/// Before an event, what is kept gets one try and this long.
pub(super) const BEFORE_AN_EVENT: Duration = Duration::from_secs(10);

impl Call<'_> {
    /// Delivers what is kept before the event `body` is sent, within `limit`. What fails is not worth more than a line: the
    /// event itself will tell of it.
    pub(super) async fn flush_before(
        &self,
        limit: Duration,
        subject: Subject<'_>,
        body: &Map<String, Value>,
    ) -> Vec<Scope> {
        let Some(spool) = self.spool.as_ref().filter(|spool| !spool.is_empty()) else {
            return Vec::new();
        };
        // Another process that delivers is waited for only where this event must come after what it delivers.
        let after = || spool.waiting().is_ok_and(|waiting| scopes(&waiting).contains(&Scope::of(body)));
        let patience = if !subject.is_gate() && after() { limit } else { Duration::ZERO };
        let effort = Effort { client: self.client.hurried(limit), limit: Some(limit), patience };
        match self.deliver(spool, &effort).await {
            Ok(delivered) => {
                self.name_others(&delivered);
                if let (count @ 1.., Some(failure)) = (delivered.left.len(), &delivered.failure) {
                    self.console.line(&format!("{} kept before could not be delivered yet: {failure}", events(count)));
                }
                delivered.left
            }
            Err(problem) => {
                self.console.warn(&format!("What was kept before cannot be delivered: {problem}."));
                // Its order holds all the same, as far as it can be read.
                spool.waiting().map(|waiting| scopes(&waiting)).unwrap_or_default()
            }
        }
    }

    /// Names the keys that others' events wait for.
    pub(super) fn name_others(&self, delivered: &Delivered) {
        for (whose, count) in &delivered.others {
            self.console.line(&format!("left alone in spool_dir: {} of another API key, {whose}", events(*count)));
        }
    }

    /// `body` as it may lie on a disk: nothing keeps the user from putting the key into the metadata.
    pub(super) fn without_key(&self, body: &Map<String, Value>) -> Map<String, Value> {
        let text = Value::Object(body.clone()).to_string();
        let scrubbed = self.console.scrub(&text);
        match serde_json::from_str(&scrubbed) {
            Ok(Value::Object(scrubbed)) if scrubbed != *body => scrubbed,
            _ => body.clone(),
        }
    }

    /// Delivers what is kept, in order for each product and environment.
    pub(super) async fn deliver(&self, spool: &Spool, effort: &Effort) -> Result<Delivered, String> {
        let deadline = effort.limit.map(|limit| Instant::now() + limit);
        let Some(_lock) = spool.delivering(effort.patience).await? else {
            let left = scopes(&spool.waiting()?);
            let failure = Some("another process is delivering, and has not ended".to_owned());
            return Ok(Delivered { left, failure, ..Delivered::default() });
        };
        let waiting = spool.waiting()?;
        for (name, why) in &waiting.unusable {
            self.set_aside(spool, name, "It is no event that can be delivered", why);
        }
        let mut delivered = Delivered { newer: waiting.newer, others: waiting.others, ..Delivered::default() };
        let mut failures = 0;
        for (name, event) in waiting.ours {
            let scope = event.scope();
            if failures >= MOST_FAILURES || delivered.left.contains(&scope) {
                delivered.left.push(scope);
                continue;
            }
            match self.deliver_one(&effort.client, &event, deadline).await {
                None => {
                    failures = MOST_FAILURES;
                    delivered.failure.get_or_insert_with(|| "the time for it is over".to_owned());
                    delivered.left.push(scope);
                }
                Some(Verdict::Recorded(_)) => {
                    failures = 0;
                    delivered.count += 1;
                    self.console.line(&format!(
                        "delivered late: {}, of {}",
                        spelled(&event),
                        shown(&event.occurred_at)
                    ));
                    if let Err(problem) = spool.delivered(&name) {
                        self.console.warn(&format!("It will be delivered again, for it cannot be removed: {problem}."));
                        // Behind it, so that its second delivery is not the last word.
                        delivered.failure = Some(problem);
                        delivered.left.push(scope);
                    }
                }
                Some(Verdict::Refused(refusal)) if !refusal.may_pass() => {
                    self.set_aside(spool, &name, &format!("The server refuses {}", spelled(&event)), &words(&refusal));
                }
                Some(Verdict::Blocked(block)) => {
                    let why = block.message.unwrap_or_else(|| format!("it answered {}", block.status));
                    self.set_aside(spool, &name, &format!("The server blocks {}", spelled(&event)), &why);
                }
                Some(Verdict::Refused(refusal)) => {
                    // A permission may be missing for one product alone; anything else is the same for all.
                    failures = if refusal.status == 403 { failures + 1 } else { MOST_FAILURES };
                    let why = words(&refusal);
                    self.failed_again(spool, &name, &event, &why);
                    delivered.failure = Some(why);
                    delivered.left.push(scope);
                }
                Some(Verdict::Unreachable(unreached)) => {
                    // Where nobody answers, nobody will answer the next one.
                    failures = if unreached.status.is_some() { failures + 1 } else { MOST_FAILURES };
                    self.failed_again(spool, &name, &event, &unreached.what);
                    delivered.failure = Some(unreached.what);
                    delivered.left.push(scope);
                }
            }
        }
        Ok(delivered)
    }

    /// Sends one event, until `deadline`.
    async fn deliver_one(&self, client: &Client, event: &Kept, deadline: Option<Instant>) -> Option<Verdict> {
        let sending = Sending { event_type: event.event_type()?, body: &event.payload, key: Some(&event.id) };
        let sent = self.send(client, sending, true);
        match deadline {
            Some(deadline) => timeout_at(deadline, sent).await.ok().map(|answer| answer.verdict),
            None => Some(sent.await.verdict),
        }
    }

    /// Notes a try that failed. It is a remark on the event: without it, the event is as good.
    fn failed_again(&self, spool: &Spool, name: &str, event: &Kept, why: &str) {
        if let Err(problem) = spool.failed_again(name, event, self.console.scrub(why)) {
            self.console.verbose(|| format!("that it failed is not noted: {problem}"));
        }
    }

    fn set_aside(&self, spool: &Spool, name: &str, what: &str, why: &str) {
        match spool.set_aside(name, &self.console.scrub(&format!("{what}: {why}"))) {
            Ok(path) => self.console.warn(&format!(
                "{what}: {why}. It is set aside in {}, and not tried again. To deliver it after all, move it back to {}.",
                shown(&path.display().to_string()),
                shown(&spool.path().display().to_string())
            )),
            Err(problem) => self.console.warn(&format!("{what}: {why}. It could not be set aside: {problem}.")),
        }
    }

    /// Keeps the event `body`, which `answer` did not record, if it is one that is kept and somebody wants that.
    pub(super) async fn keep(
        &self,
        subject: Subject<'_>,
        body: &Map<String, Value>,
        answer: &Answer,
        wait: &Wait,
    ) -> Fate {
        let why = match &answer.verdict {
            Verdict::Unreachable(unreached) => unreached.what.clone(),
            Verdict::Refused(refusal) if refusal.may_pass() => words(refusal),
            Verdict::Recorded(_) | Verdict::Refused(_) | Verdict::Blocked(_) => return Fate::Answered,
        };
        let wanted = subject.wrapped || subject.excuses(&answer.verdict);
        if !subject.is_worth_keeping() || !wanted || wait.block.is_some() {
            return Fate::Answered;
        }
        let lifetime = match (&self.settings.keeping, &self.spool) {
            (Keeping::Off, _) => return Fate::Answered,
            (Keeping::In(_, lifetime), Some(_)) => *lifetime,
            _ => return Fate::Lost("no setting and no home directory tells where".to_owned()),
        };
        let Some(spool) = &self.spool else { return Fate::Answered };
        let (body, why) = (self.without_key(body), self.console.scrub(&why));
        let kept = Kept::new(subject.described.event_type, body, answer.key.clone(), Clock::system().now(), why);
        match spool.keep(&kept).await {
            Ok(()) => Fate::Kept(Keepsake { place: shown(&spool.path().display().to_string()), lifetime }),
            Err(problem) => Fate::Lost(problem),
        }
    }
}

/// That an event is not sent, because earlier ones of the same product and environment must be first.
pub(super) fn held_back() -> Answer {
    Answer::unsent(Unreached {
        what: "earlier events of this product and environment are still kept, and must be delivered first".to_owned(),
        advice: Some("Run 'versioner flush', which delivers them or says why it cannot".to_owned()),
        status: None,
        may_be_recorded: false,
    })
}

fn scopes(waiting: &Waiting) -> Vec<Scope> {
    waiting.ours.iter().map(|(_, event)| event.scope()).collect()
}

/// `1 event`, `2 events`.
pub(super) fn events(count: usize) -> String {
    match count {
        1 => "1 event".to_owned(),
        count => format!("{count} events"),
    }
}

fn words(refusal: &Refusal) -> String {
    let words = refusal.words.as_ref().map_or_else(String::new, |words| format!(": {words}"));
    let fields: String = refusal.fields.iter().map(|(field, message)| format!("; {field}: {message}")).collect();
    format!("the server answered {} {}{words}{fields}", refusal.status, reason(refusal.status))
}

/// `shop 1.4.2 → production (completed)`.
fn spelled(event: &Kept) -> String {
    let text = |name: &str| event.payload.get(name).and_then(Value::as_str).map(shown);
    let [product, version, status] =
        ["product_name", "version", "status"].map(|name| text(name).unwrap_or_else(|| "?".to_owned()));
    let environment = text("environment_name").map_or_else(String::new, |environment| format!(" → {environment}"));
    format!("{product} {version}{environment} ({status})")
}
