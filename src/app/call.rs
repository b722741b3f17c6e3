//! One call of the program: what everything it does shares, asking the API, and telling what came of it.
//!
//! Owns: how the parts are joined. Does not own: the order of things in each command (its siblings).

use crate::api::reply::Verdict;
use crate::api::{Answer, Client, Progress, Sending};
use crate::ci::System;
use crate::ci::surface::Level;
use crate::clock::Clock;
use crate::console::Console;
use crate::env::Env;
use crate::gate;
use crate::gate::wait::{Ask, End, Terms, Wait};
use crate::journal::{Entry, Journal, Start};
use crate::report::card::Card;
use crate::report::outputs::Outputs;
use crate::report::subject::Subject;
use crate::report::{self, Fate};
use crate::settings::{Described, EventType, Keeping, Settings};
use crate::signals::{Signal, Signals};
use crate::spool::Spool;
use crate::store::seal::Seal;
use crate::text::shown;
use crate::when::spelled_duration;
use serde_json::{Map, Value};
use tokio::time::Instant;

/// What everything in a call shares.
pub(super) struct Call<'a> {
    pub(super) console: &'a Console,
    pub(super) client: &'a Client,
    pub(super) settings: &'a Settings,
    pub(super) env: &'a Env,
    pub(super) system: &'static System,
    json: bool,
    /// Where events are kept; none where nothing is kept.
    pub(super) spool: Option<Spool>,
    /// What this job has open; none where nothing is kept.
    pub(super) journal: Option<Journal>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        console: &'a Console,
        client: &'a Client,
        settings: &'a Settings,
        env: &'a Env,
        system: &'static System,
        json: bool,
    ) -> Self {
        let connection = &settings.connection;
        let seal = connection.key.as_ref().map(|key| Seal::new(&key.value, connection.api_url.value.as_str()));
        let (spool, journal) = match (&settings.keeping, seal) {
            (Keeping::In(root, _), Some(seal)) => {
                (Some(Spool::new(root, seal.clone())), Some(Journal::new(root, seal, env)))
            }
            _ => (None, None),
        };
        Self { console, client, settings, env, system, json, spool, journal }
    }

    /// What is told about `described`.
    pub(super) fn subject<'s>(&'s self, described: &'s Described, wrapped: bool) -> Subject<'s> {
        Subject { settings: self.settings, described, wrapped, rules: &self.settings.waiting }
    }

    /// Sends the event `body`, which is what `subject` says, and waits as the settings say, or until a signal that asks to stop.
    /// In `entry`, if it is a start that is noted, stands how it goes.
    pub(super) async fn ask(
        &self,
        subject: Subject<'_>,
        body: &Map<String, Value>,
        wait: &mut Wait,
        entry: Option<&mut Entry>,
        signals: &mut Signals,
    ) -> Result<(Answer, End), Signal> {
        let described = subject.described;
        let terms = Terms {
            rules: subject.rules,
            own_version: &described.version.value,
            for_the_record: described.status.value.is_end(),
            clock: Clock::system(),
        };
        let mut rng = fastrand::Rng::new();
        let mut asker =
            Asker { call: self, event_type: described.event_type, body, entry, rng: rng.fork(), asked: false };
        let say = |line: &str| self.console.line(line);
        let answered = gate::wait::pass(&mut asker, &say, &terms, &mut rng, wait);
        tokio::select! {
            biased;
            signal = signals.next_stop() => Err(signal),
            answered = answered => Ok(answered),
        }
    }

    /// Sends an event with `client`, and again while that may help.
    pub(super) async fn send(&self, client: &Client, sending: Sending<'_>, quiet: bool) -> Answer {
        let mut speech = Speech { console: self.console, quiet };
        client.send(sending, None, Clock::system(), &mut fastrand::Rng::new(), &mut speech).await
    }

    /// Tells people what came of an event, and gives the outputs.
    pub(super) fn tell(&self, subject: Subject<'_>, answer: &Answer, wait: &Wait, end: &End, fate: &Fate) -> Outputs {
        let now = Clock::system().now();
        let card = report::card(subject, answer, wait, end, fate, now);
        self.say(&card);
        // That a command may run is worth a line; its summary is how it ended.
        let plain =
            wait.waited().is_none() && matches!(&answer.verdict, Verdict::Recorded(it) if it.violations.is_empty());
        if !(subject.wrapped && subject.is_gate() && plain) {
            self.summarise(&card);
        }
        if let Verdict::Recorded(receipt) = &answer.verdict {
            if let Some(waited) = wait.waited() {
                let so = if subject.is_gate() { "may go on" } else { "is recorded" };
                let message = format!("{} {so}, after {}.", subject.name(), spelled_duration(waited));
                self.console.annotate(Level::Notice, "The wait is over", &message);
            }
            for (title, message) in report::violations(receipt) {
                self.console.annotate(Level::Warning, &title, &message);
            }
        }
        report::outputs(subject, answer, wait, fate, now)
    }

    /// Tells what was under way when a signal came, and gives the outputs.
    pub(super) fn tell_interrupted(&self, subject: Subject<'_>, wait: &Wait, signal: Signal) -> Outputs {
        self.show(&report::interrupted_card(subject, wait, signal.name));
        report::interrupted_outputs(subject, wait, Clock::system().now())
    }

    /// Shows a card, and adds it to the summary.
    pub(super) fn show(&self, card: &Card) {
        self.say(card);
        self.summarise(card);
    }

    /// A success is one line; anything else is an annotation.
    fn say(&self, card: &Card) {
        match card.level {
            Level::Notice => {
                let facts: Vec<String> = card.message().lines().map(str::to_owned).collect();
                self.console.line(&[vec![card.title.clone()], facts].concat().join("; "));
            }
            Level::Warning | Level::Error => self.console.annotate(card.level, &card.title, &card.message()),
        }
    }

    fn summarise(&self, card: &Card) {
        if self.settings.summary && self.console.has_summary() {
            self.console.summarise(&card.scrubbed(|text| self.console.scrub(text)).summary());
        }
    }

    /// Hands the outputs of the whole call on, once.
    pub(super) fn hand_on(&self, outputs: Outputs) {
        let outputs = outputs.scrubbed(|text| self.console.scrub(text));
        let pairs = outputs.pairs();
        // A call that did nothing leaves what an earlier one handed on.
        if !pairs.is_empty() {
            self.console.hand_on(&pairs);
        }
        if let Some(path) = &self.settings.output_file
            && !pairs.is_empty()
            && let Err(problem) = outputs.append_to(path)
        {
            self.console.warn(&format!("The outputs could not be written: {problem}. Nothing else is affected."));
        }
        print_json(self.console, self.json, &outputs);
    }
}

pub(super) fn print_json(console: &Console, json: bool, outputs: &Outputs) {
    if json {
        console.print(&format!("{}\n", outputs.json()));
    }
}

/// Asks the API, and speaks through the console.
struct Asker<'a> {
    call: &'a Call<'a>,
    event_type: EventType,
    body: &'a Map<String, Value>,
    entry: Option<&'a mut Entry>,
    rng: fastrand::Rng,
    /// Whether this is a poll: while it waits, the job speaks of the wait alone, and not of every try.
    asked: bool,
}

impl Ask for Asker<'_> {
    async fn ask(&mut self, deadline: Option<Instant>) -> Answer {
        let quiet = std::mem::replace(&mut self.asked, true);
        let mut speech = Speech { console: self.call.console, quiet };
        let sending = Sending { event_type: self.event_type, body: self.body, key: None };
        // Whatever becomes of this process: a start that is merely blocked is nothing to be closed.
        if let Some(entry) = &mut self.entry {
            self.call.note(entry, Start::Sent);
        }
        let answer = self.call.client.send(sending, deadline, Clock::system(), &mut self.rng, &mut speech).await;
        if let (Some(entry), Verdict::Blocked(_)) = (&mut self.entry, &answer.verdict) {
            self.call.note(entry, Start::Blocked);
        }
        answer
    }
}

/// What is said of the tries of one event.
struct Speech<'a> {
    console: &'a Console,
    quiet: bool,
}

impl Progress for Speech<'_> {
    fn retrying(&mut self, line: &str) {
        if self.quiet {
            self.console.verbose(|| line.to_owned());
        } else {
            self.console.line(line);
        }
    }

    fn debug(&mut self, line: &dyn Fn() -> String) {
        if self.console.debug {
            self.console.line(&format!("debug: {}", shown(&self.console.scrub(&line()))));
        }
    }
}
