//! The order of things: command line, settings, event, request, report. No logic of its own.

use crate::api::reply::Verdict;
use crate::api::{Answer, Client, Progress};
use crate::check;
use crate::ci::System;
use crate::ci::surface::Level;
use crate::cli::{self, Command, Invocation, Stop};
use crate::clock::Clock;
use crate::console::Console;
use crate::env::Env;
use crate::event::Payload;
use crate::gate;
use crate::gate::wait::{Ask, End, Terms, Wait};
use crate::outcome::Outcome;
use crate::report;
use crate::report::card::Card;
use crate::report::outputs::Outputs;
use crate::report::subject::Subject;
use crate::secret::Redactor;
use crate::settings::{self, Action, EventType, Settings};
use crate::signals::{Signal, Signals};
use crate::status::Status;
use crate::text::shown;
use crate::when::spelled_duration;
use std::ffi::OsString;
use std::path::Path;
use tokio::time::Instant;

/// Does what `args` and `env` ask for, in `directory`, and gives the exit code.
pub async fn run(args: impl IntoIterator<Item = OsString>, env: &Env, directory: &Path) -> u8 {
    let system = System::detect(env);
    let args: Vec<OsString> = args.into_iter().collect();
    let redactor = likely_keys(&args, env);
    let json = args.iter().any(|arg| arg == "--json");
    let invocation = match cli::parse(args) {
        Ok(invocation) => invocation,
        Err(Stop::Print(text)) => {
            Console::new(system.surface(env), false).print(&text);
            return Outcome::Done.exit_code(true);
        }
        Err(Stop::Usage(text)) => {
            let mut console = Console::new(system.surface(env), json);
            console.hide(redactor);
            let lines: Vec<String> = text.lines().map(shown).filter(|line| !line.is_empty()).collect();
            console.annotate(Level::Error, "Wrong usage", &lines.join("\n"));
            print_json(&console, json, &Outputs::default());
            return Outcome::Misconfigured.exit_code(true);
        }
    };
    let mut console = Console::new(system.surface(env), invocation.json);
    if invocation.command == Command::Version {
        console.print(&format!("versioner {}\n", env!("CARGO_PKG_VERSION")));
        return Outcome::Done.exit_code(true);
    }
    console.hide(redactor.clone());
    let (outcome, lenient) = act(&invocation, env, system, directory, &mut console, redactor).await;
    outcome.exit_code(!lenient)
}

/// Whatever is, or may be, an API key: nothing is printed before these are hidden.
fn likely_keys(args: &[OsString], env: &Env) -> Redactor {
    let mut redactor = Redactor::default();
    let mut after_flag = false;
    for arg in args.iter().skip(1).filter_map(|arg| arg.to_str()) {
        let value = arg.split_once('=').map_or(arg, |(_, value)| value);
        if after_flag || arg.starts_with("--api-key=") || value.starts_with("sk_") {
            redactor.hide(value);
        }
        after_flag = arg == "--api-key";
    }
    for (name, value) in env.iter() {
        let name = name.replace('-', "_");
        let is_key = matches!(name.as_str(), "INPUT_API_KEY" | "VERSIONER_API_KEY");
        let is_file = matches!(name.as_str(), "INPUT_API_KEY_FILE" | "VERSIONER_API_KEY_FILE");
        if is_key || (is_file && value.trim().starts_with("sk_")) {
            redactor.hide(value);
        }
    }
    redactor
}

/// Gives the outcome, and whether an API error is excused.
async fn act(
    invocation: &Invocation,
    env: &Env,
    system: &'static System,
    directory: &Path,
    console: &mut Console,
    redactor: Redactor,
) -> (Outcome, bool) {
    let context = system.context(env, directory);
    let reading = settings::read(invocation, env, &context, Clock::system().now(), redactor);
    console.hide(reading.redactor.clone());
    console.verbose = reading.verbose;
    console.debug = reading.debug;
    for warning in &reading.warnings {
        console.warn(warning);
    }
    let payload = reading.settings.as_ref().map(|settings| Payload::new(&settings.described, Clock::system().now()));
    if matches!(reading.action, Action::Check { .. }) {
        check::show(console, system, &reading, payload.as_ref());
    }
    let ci = system.source_system.unwrap_or("no CI");
    let client = reading.connection.as_ref().map(|connection| Client::new(connection, env, ci)).transpose();
    let mut problems = reading.problems.clone();
    problems.extend(client.as_ref().err().map(|problem| format!("{problem:#}")));
    let usable = problems.is_empty();
    if !usable {
        check::complain(console, &problems);
    }
    let client = client.ok().flatten();
    if let (Action::Check { online: true }, Some(client)) = (reading.action, &client) {
        let outcome = check_health(console, invocation, client).await;
        return (if usable { outcome } else { Outcome::Misconfigured }, false);
    }
    let (Some(settings), Some(payload), Some(client), true) = (&reading.settings, payload, client, usable) else {
        print_json(console, invocation.json, &Outputs::default());
        return (Outcome::Misconfigured, false);
    };
    let lenient = !settings.fail_on_api_error;
    match settings.action {
        Action::Check { .. } => {
            print_json(console, invocation.json, &Outputs::default());
            (Outcome::Done, lenient)
        }
        Action::Report { subcommand } => {
            let subject = Subject { settings };
            console.line(&subject.line());
            let mut wait = Wait::default();
            match ask(console, &client, settings, &payload, &mut wait).await {
                Ok((answer, end)) => {
                    tell(console, invocation, subject, &answer, &wait, &end);
                    // Once blocked, nothing but a success is leave to deploy.
                    (outcome(&answer, settings, subcommand), lenient && wait.block.is_none())
                }
                Err(signal) => {
                    tell_interrupted(console, invocation, subject, &wait, signal);
                    (Outcome::Interrupted { signal: signal.number }, false)
                }
            }
        }
    }
}

/// Sends the event and waits as the settings say, or until a signal comes.
async fn ask(
    console: &Console,
    client: &Client,
    settings: &Settings,
    payload: &Payload,
    wait: &mut Wait,
) -> Result<(Answer, End), Signal> {
    let console: &Console = console;
    let described = &settings.described;
    let terms = Terms {
        rules: &settings.waiting,
        own_version: &described.version.value,
        for_the_record: described.status.value.is_end(),
        clock: Clock::system(),
    };
    let mut rng = fastrand::Rng::new();
    let mut asker = Asker { console, client, event_type: described.event_type, payload, rng: rng.fork(), asked: false };
    let say = |line: &str| console.line(line);
    let answered = gate::wait::pass(&mut asker, &say, &terms, &mut rng, wait);
    let Ok(mut signals) = Signals::listen() else {
        return Ok(answered.await);
    };
    tokio::select! {
        biased;
        signal = signals.next() => Err(signal),
        answered = answered => Ok(answered),
    }
}

/// Asks the API, and speaks through the console.
struct Asker<'a> {
    console: &'a Console,
    client: &'a Client,
    event_type: EventType,
    payload: &'a Payload,
    rng: fastrand::Rng,
    /// Whether this is a poll: while it waits, the job speaks of the wait alone, and not of every try.
    asked: bool,
}

impl Ask for Asker<'_> {
    async fn ask(&mut self, deadline: Option<Instant>) -> Answer {
        let quiet = std::mem::replace(&mut self.asked, true);
        let mut speech = Speech { console: self.console, quiet };
        self.client.send(self.event_type, self.payload, deadline, Clock::system(), &mut self.rng, &mut speech).await
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

/// Tells what was under way when a signal came.
fn tell_interrupted(console: &Console, invocation: &Invocation, subject: Subject<'_>, wait: &Wait, signal: Signal) {
    let card = report::interrupted_card(subject, wait, signal.name);
    show_card(console, &card);
    hand_on(console, invocation, subject, &card, report::interrupted_outputs(subject, wait, Clock::system().now()));
}

/// Asks the API whether it is up, and says so.
async fn check_health(console: &Console, invocation: &Invocation, client: &Client) -> Outcome {
    let (http_status, outcome) = match client.health().await {
        Ok(status) => {
            console.line(&format!("the API is up ({} answered {status})", client.health_url()));
            (Some(status), Outcome::Done)
        }
        Err(unreached) => {
            let advice = unreached.advice.map_or_else(String::new, |advice| format!("\nNext: {advice}."));
            console.annotate(Level::Error, "API not reached", &format!("{}.{advice}", unreached.what));
            (unreached.status, Outcome::Unreachable)
        }
    };
    print_json(console, invocation.json, &Outputs { http_status, attempts: Some(1), ..Outputs::default() });
    outcome
}

fn outcome(answer: &Answer, settings: &Settings, subcommand: bool) -> Outcome {
    match &answer.verdict {
        Verdict::Recorded(_) => {
            Outcome::Recorded { fails_job: !subcommand && settings.described.status.value == Status::Failed }
        }
        Verdict::Blocked(_) => Outcome::Blocked,
        Verdict::Refused(_) => Outcome::Refused,
        Verdict::Unreachable(_) => Outcome::Unreachable,
    }
}

/// Tells people and machines what came of the event.
fn tell(console: &Console, invocation: &Invocation, subject: Subject<'_>, answer: &Answer, wait: &Wait, end: &End) {
    let now = Clock::system().now();
    let card = report::card(subject, answer, wait, end, now);
    show_card(console, &card);
    if let Verdict::Recorded(receipt) = &answer.verdict {
        if let Some(waited) = wait.waited() {
            let so = if subject.is_gate() { "may go on" } else { "is recorded" };
            let message = format!("{} {so}, after {}.", subject.name(), spelled_duration(waited));
            console.annotate(Level::Notice, "The wait is over", &message);
        }
        for (title, message) in report::violations(receipt) {
            console.annotate(Level::Warning, &title, &message);
        }
    }
    hand_on(console, invocation, subject, &card, report::outputs(subject, answer, wait, now));
}

/// Writes the summary and the outputs.
fn hand_on(console: &Console, invocation: &Invocation, subject: Subject<'_>, card: &Card, outputs: Outputs) {
    if subject.settings.summary && console.has_summary() {
        console.summarise(&card.scrubbed(|text| console.scrub(text)).summary());
    }
    let outputs = outputs.scrubbed(|text| console.scrub(text));
    console.hand_on(&outputs.pairs());
    if let Some(path) = &subject.settings.output_file
        && let Err(problem) = outputs.append_to(path)
    {
        console.warn(&format!("The outputs could not be written: {problem}. Nothing else is affected."));
    }
    print_json(console, invocation.json, &outputs);
}

/// A success is one line; anything else is an annotation.
fn show_card(console: &Console, card: &Card) {
    match card.level {
        Level::Notice => {
            let facts: Vec<String> = card.message().lines().map(str::to_owned).collect();
            console.line(&[vec![card.title.clone()], facts].concat().join("; "));
        }
        Level::Warning | Level::Error => console.annotate(card.level, &card.title, &card.message()),
    }
}

fn print_json(console: &Console, json: bool, outputs: &Outputs) {
    if json {
        console.print(&format!("{}\n", outputs.json()));
    }
}
