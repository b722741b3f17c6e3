//! The wait: ask, and ask again while the decision says so.
//!
//! Owns: the loop, its deadline, and what is said on the way. Does not own: the decision, nor sending.

use super::{Because, Decision, Rules, Standing, Until, Why, decide, until};
use crate::api::Answer;
use crate::api::block::{Block, Kind};
use crate::api::reply::Verdict;
use crate::clock::{Clock, ServerClock};
use crate::report::blocked::what_blocks;
use crate::when::spelled_duration;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Some systems kill a job that is silent for minutes.
const PROGRESS_EVERY: Duration = Duration::from_secs(60);

/// Whoever asks the server: once, with its own tries, until `deadline` if there is one.
pub trait Ask {
    /// Sends the event.
    fn ask(&mut self, deadline: Option<Instant>) -> impl Future<Output = Answer>;
}

/// What is waited with.
#[derive(Clone, Debug)]
pub struct Terms<'a> {
    /// The settings of waiting.
    pub rules: &'a Rules,
    /// The version that is to be deployed.
    pub own_version: &'a str,
    /// Whether what is reported has already happened, so that waiting is for the record alone.
    pub for_the_record: bool,
    /// This machine's clock.
    pub clock: Clock,
}

/// What distinguishes one reason from another, however its details change.
type Reason = (Kind, Option<String>, Option<String>);

fn reason(block: &Block) -> Reason {
    (block.kind, block.code.clone(), block.rule().map(str::to_owned))
}

/// One reason that was waited for.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    reason: Reason,
    /// What it was.
    pub what: String,
    /// From when, by our clock.
    pub from: Timestamp,
    /// To when, by our clock.
    pub to: Timestamp,
}

/// The wait as far as it has gone: kept outside the loop, so that an interrupted one can be told.
#[derive(Clone, Debug, Default)]
pub struct Wait {
    /// The reasons, in order.
    pub stages: Vec<Stage>,
    /// Requests so far.
    pub requests: u32,
    /// The last block.
    pub block: Option<Box<Block>>,
    /// The server's clock.
    pub server_clock: ServerClock,
    /// The most that may be waited, in words.
    pub limit: String,
    /// Whether the last request got no answer, or is under way.
    pub unanswered: bool,
    began: Option<Instant>,
    ended: Option<Instant>,
}

impl Wait {
    /// How long it has lasted; nothing if there was no block, or none that was waited for.
    #[must_use]
    pub fn waited(&self) -> Option<Duration> {
        self.began.map(|began| self.ended.unwrap_or_else(Instant::now) - began)
    }

    /// Notes that `block` stands, at `now` by our clock: a new stage if it is for another reason.
    fn note(&mut self, block: &Block, now: Timestamp) {
        let reason = reason(block);
        if let Some(last) = self.stages.last_mut() {
            last.to = now;
        }
        if self.stages.last().is_none_or(|last| last.reason != reason) {
            self.stages.push(Stage { reason, what: what_blocks(block), from: now, to: now });
        }
        self.block = Some(Box::new(block.clone()));
    }
}

/// How it ended.
#[derive(Clone, Debug)]
pub enum End {
    /// With this answer, which is no block.
    Answered,
    /// With a block, which failed the job because of this.
    Blocked(Why),
}

/// Asks until the answer is no block, or the decision is to fail, and says on the way how it stands. Gives the last answer,
/// in which a block stays a block until a success lifts it.
pub async fn pass(
    asker: &mut impl Ask,
    say: &impl Fn(&str),
    terms: &Terms<'_>,
    rng: &mut fastrand::Rng,
    wait: &mut Wait,
) -> (Answer, End) {
    let job_ends = terms.rules.job_ends.as_ref();
    wait.unanswered = true;
    let mut answer = asker.ask(job_ends.map(|(ends, _)| *ends)).await;
    wait.unanswered = false;
    wait.requests = answer.requests;
    let Verdict::Blocked(first) = &answer.verdict else {
        return (answer, End::Answered);
    };
    let mut block = first.clone();
    let began = Instant::now();
    // The earlier of what the settings and what the job itself allow.
    let mut rules = terms.rules.clone();
    wait.limit = format!("wait_timeout, {}", spelled_duration(rules.timeout));
    if let Some((ends, variable)) = job_ends.filter(|(ends, _)| *ends < began + terms.rules.timeout) {
        rules.timeout = ends.saturating_duration_since(began);
        wait.limit = format!("what is left of the job by {variable}, {}", spelled_duration(rules.timeout));
    }
    let deadline = began + rules.timeout;
    let mut unanswered_since = None;
    let mut polls = 0;
    let mut progress = Progress { said: None, reasons: Vec::new(), deadline, terms, say };
    loop {
        unanswered_since = unanswered_since.or(answer.unanswered_since);
        wait.server_clock = answer.server_clock.or(wait.server_clock);
        wait.note(&block, terms.clock.now());
        let standing = Standing {
            now: wait.server_clock.at(terms.clock.now()),
            waited: began.elapsed(),
            polls,
            unanswered_since: unanswered_since.map(|sent| wait.server_clock.at(sent)),
            own_version: terms.own_version,
        };
        let (pause, because) = match decide(&block, &rules, standing, rng) {
            Decision::Fail(why) => {
                wait.ended = Some(Instant::now());
                answer.requests = wait.requests;
                answer.http_status = Some(block.status);
                answer.server_clock = wait.server_clock;
                answer.unanswered_since = unanswered_since;
                answer.verdict = Verdict::Blocked(block);
                return (answer, End::Blocked(why));
            }
            Decision::Again(pause, because) => (pause, because),
        };
        polls = if because == Because::Poll { polls + 1 } else { 0 };
        // A server that asks for a pause gets it, as far as the wait allows.
        let last = deadline.saturating_duration_since(Instant::now()).saturating_sub(rules.reserve());
        let wake = Instant::now() + pause.max(answer.asked_pause.unwrap_or_default().min(last));
        wait.began.get_or_insert(began);
        progress.sleep(wait, &block, wake).await;
        wait.unanswered = true;
        answer = progress.beside(asker.ask(Some(deadline)), wait, &block).await;
        wait.requests += answer.requests;
        wait.unanswered = answer.unanswered_since.is_some();
        match &answer.verdict {
            Verdict::Recorded(_) | Verdict::Refused(_) => {
                wait.note(&block, terms.clock.now());
                wait.ended = Some(Instant::now());
                answer.requests = wait.requests;
                return (answer, End::Answered);
            }
            Verdict::Blocked(next) => block = next.clone(),
            // Only a success opens the gate, and only a refusal closes it for good: the last block stands.
            Verdict::Unreachable(_) => {}
        }
    }
}

/// What is said, and when.
struct Progress<'a, S> {
    /// When the last line was said.
    said: Option<Instant>,
    /// Every reason that has been said.
    reasons: Vec<Reason>,
    deadline: Instant,
    terms: &'a Terms<'a>,
    say: &'a S,
}

impl<S: Fn(&str)> Progress<'_, S> {
    /// Sleeps until `wake`, and says how it stands as often as is due.
    async fn sleep(&mut self, wait: &Wait, block: &Block, wake: Instant) {
        let reason = reason(block);
        if !self.reasons.contains(&reason) {
            self.line(wait, block, Some(wake));
            self.reasons.push(reason);
        }
        while self.due() <= wake {
            sleep_until(self.due()).await;
            self.line(wait, block, Some(wake));
        }
        sleep_until(wake).await;
    }

    /// Waits for `asking`, and says how it stands as often as is due.
    async fn beside(&mut self, asking: impl Future<Output = Answer>, wait: &Wait, block: &Block) -> Answer {
        tokio::pin!(asking);
        loop {
            tokio::select! {
                biased;
                answer = &mut asking => return answer,
                () = sleep_until(self.due()) => self.line(wait, block, None),
            }
        }
    }

    /// When the next line is due.
    fn due(&self) -> Instant {
        self.said.map_or_else(Instant::now, |said| said + PROGRESS_EVERY)
    }

    /// Says how it stands: asleep until `wake`, or asking.
    fn line(&mut self, wait: &Wait, block: &Block, wake: Option<Instant>) {
        let now = wait.server_clock.at(self.terms.clock.now());
        let left = |until: Instant| spelled_duration(until.saturating_duration_since(Instant::now()));
        let until = match until(block, now) {
            Until::Named(moment, _) => format!(", until {}", moment.spelled(now)),
            Until::Passed(..) | Until::Unknown => String::new(),
        };
        let what = format!("{}{until}", what_blocks(block));
        let next = wake.map_or_else(|| "asking now".to_owned(), |wake| format!("next look in {}", left(wake)));
        let line = match &self.said {
            None => {
                let record = if self.terms.for_the_record { "waiting, for the record alone" } else { "waiting" };
                format!("{record}: {what}; at most {} ({}); {next}", left(self.deadline), wait.limit)
            }
            Some(_) if !self.reasons.contains(&reason(block)) => {
                format!("now waiting for another reason: {what}; {} left; {next}", left(self.deadline))
            }
            Some(_) => {
                let so_far = spelled_duration(wait.waited().unwrap_or_default());
                format!("still waiting: {what}; {so_far} so far, {} left, {next}", left(self.deadline))
            }
        };
        (self.say)(&line);
        self.said = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests;
