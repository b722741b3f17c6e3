//! The wait: ask, and ask again while the decision says so.
//!
//! Owns: the loop, its deadline, and what is said on the way. Does not own: the decision, nor sending.

use super::{Because, Decision, Rules, Standing, Until, Why, decide, until};
use crate::api::Answer;
use crate::api::block::Block;
use crate::api::reply::Verdict;
use crate::clock::Clock;
use crate::report::blocked::what_blocks;
use crate::when::spelled_duration;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Some systems kill a job that is silent for minutes; nobody wants to read more than this.
const PROGRESS_EVERY: Duration = Duration::from_secs(60);
/// A request takes up to half a minute by default: before one, a line this old is renewed.
const PROGRESS_BEFORE_ASKING: Duration = Duration::from_secs(30);

/// Whoever asks the server: once, with its own tries, until `deadline` if there is one.
pub trait Ask {
    /// Sends the event.
    fn ask(&mut self, deadline: Option<Instant>) -> impl Future<Output = Answer>;
    /// Says a line about the wait.
    fn say(&mut self, line: &str);
}

/// One reason that was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
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
    /// How long it has lasted; nothing if there was no block to wait for.
    pub waited: Option<Duration>,
    /// Requests so far.
    pub requests: u32,
    /// The last block.
    pub block: Option<Box<Block>>,
}

/// How it ended.
#[derive(Clone, Debug)]
pub enum End {
    /// With this answer, which is no block.
    Answered,
    /// With a block, which failed the job because of this.
    Blocked(Why),
}

/// Asks until the answer is no block, or the decision is to fail. Gives the last answer, in which a block stays a block
/// until a success lifts it.
pub async fn pass(
    asker: &mut impl Ask,
    rules: &Rules,
    clock: Clock,
    rng: &mut fastrand::Rng,
    wait: &mut Wait,
) -> (Answer, End) {
    let mut answer = asker.ask(None).await;
    wait.requests = answer.requests;
    let Verdict::Blocked(first) = &answer.verdict else {
        return (answer, End::Answered);
    };
    let mut block = first.clone();
    let began = Instant::now();
    let deadline = began + rules.timeout;
    let mut unanswered_since = answer.unanswered_since;
    let mut server_clock = answer.server_clock;
    let mut polls = 0;
    let mut progress = Progress { said: None, rules: rules.clone(), began };
    loop {
        unanswered_since = unanswered_since.or(answer.unanswered_since);
        server_clock = answer.server_clock.or(server_clock);
        let now = server_clock.at(clock.now());
        wait.note(&block, clock.now());
        let standing = Standing {
            now,
            waited: began.elapsed(),
            polls,
            unanswered_since: unanswered_since.map(|sent| server_clock.at(sent)),
        };
        let (pause, because) = match decide(&block, rules, standing, rng) {
            Decision::Fail(why) => {
                answer.requests = wait.requests;
                answer.http_status = Some(block.status);
                answer.server_clock = server_clock;
                answer.unanswered_since = unanswered_since;
                answer.verdict = Verdict::Blocked(block);
                return (answer, End::Blocked(why));
            }
            Decision::Again(pause, because) => (pause, because),
        };
        polls = if because == Because::Poll { polls + 1 } else { 0 };
        // A server that asks for a pause gets it, as far as the wait allows.
        let last = deadline.saturating_duration_since(Instant::now()).saturating_sub(rules.reserve());
        let pause = pause.max(answer.asked_pause.unwrap_or_default().min(last));
        progress.sleep(asker, wait, &block, now, Instant::now() + pause).await;
        wait.waited = Some(began.elapsed());
        answer = asker.ask(Some(deadline)).await;
        wait.requests += answer.requests;
        wait.waited = Some(began.elapsed());
        match &answer.verdict {
            Verdict::Recorded(_) | Verdict::Refused(_) => {
                wait.close(clock.now());
                answer.requests = wait.requests;
                return (answer, End::Answered);
            }
            Verdict::Blocked(next) => block = next.clone(),
            // Only a success opens the gate, and only a refusal closes it for good: the last block stands.
            Verdict::Unreachable(_) => {}
        }
    }
}

impl Wait {
    /// Notes that `block` stands, at `now` by our clock: a new stage if it is for another reason.
    fn note(&mut self, block: &Block, now: Timestamp) {
        let what = what_blocks(block);
        match self.stages.last_mut() {
            Some(stage) if stage.what == what => stage.to = now,
            last => {
                if let Some(last) = last {
                    last.to = now;
                }
                self.stages.push(Stage { what, from: now, to: now });
            }
        }
        self.block = Some(Box::new(block.clone()));
    }

    /// Notes that the wait ended at `now`.
    fn close(&mut self, now: Timestamp) {
        if let Some(last) = self.stages.last_mut() {
            last.to = now;
        }
    }
}

/// What is said, and when.
struct Progress {
    /// When the last line was said, and about what.
    said: Option<(Instant, String)>,
    rules: Rules,
    began: Instant,
}

impl Progress {
    /// Sleeps until `wake`, and says how it stands as often as is due. `server_now` is the server's clock as of now.
    async fn sleep(
        &mut self,
        asker: &mut impl Ask,
        wait: &mut Wait,
        block: &Block,
        server_now: Timestamp,
        wake: Instant,
    ) {
        let asleep_since = Instant::now();
        let what = what_blocks(block);
        let mut due = match &self.said {
            Some((at, said)) if *said == what => *at + PROGRESS_EVERY,
            _ => asleep_since,
        };
        loop {
            sleep_until(due.min(wake)).await;
            wait.waited = Some(self.began.elapsed());
            let renew = self.said.as_ref().is_none_or(|(at, _)| at.elapsed() >= PROGRESS_BEFORE_ASKING);
            if due <= Instant::now() || renew {
                let elapsed = jiff::SignedDuration::try_from(asleep_since.elapsed()).unwrap_or_default();
                let now = server_now.saturating_add(elapsed).unwrap_or(server_now);
                asker.say(&self.line(block, &what, now, wake));
                self.said = Some((Instant::now(), what.clone()));
            }
            if Instant::now() >= wake {
                return;
            }
            due = Instant::now() + PROGRESS_EVERY;
        }
    }

    fn line(&self, block: &Block, what: &str, now: Timestamp, wake: Instant) -> String {
        let waited = self.began.elapsed();
        let until = match until(block, now) {
            Until::Named(moment, _) => format!(", until {}", moment.spelled(now)),
            Until::Passed(..) | Until::Unknown => String::new(),
        };
        let next = spelled_duration(wake.saturating_duration_since(Instant::now()));
        let left = spelled_duration(self.rules.timeout.saturating_sub(waited));
        match &self.said {
            None => format!("waiting: {what}{until}; at most {left} (wait_timeout); next look in {next}"),
            Some((_, said)) if said != what => {
                format!("now waiting for another reason: {what}{until}; {left} left; next look in {next}")
            }
            Some(_) => format!(
                "still waiting: {what}{until}; {} so far, {left} left, next look in {next}",
                spelled_duration(waited)
            ),
        }
    }
}
