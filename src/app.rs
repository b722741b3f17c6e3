//! The order of things: command line, settings, event, request, report. No logic of its own.

use crate::api::reply::Verdict;
use crate::api::{Answer, Client};
use crate::check;
use crate::ci::System;
use crate::ci::surface::Level;
use crate::cli::{self, Command, Invocation, Stop};
use crate::clock::Clock;
use crate::console::Console;
use crate::env::Env;
use crate::event::Payload;
use crate::outcome::Outcome;
use crate::report::card::Card;
use crate::report::outputs::Outputs;
use crate::report::subject::Subject;
use crate::report::{self};
use crate::secret::Redactor;
use crate::settings::{self, Action, Settings};
use crate::status::Status;
use std::ffi::OsString;
use std::path::Path;

/// Does what `args` and `env` ask for, in `directory`, and gives the exit code.
pub async fn run(args: impl IntoIterator<Item = OsString>, env: &Env, directory: &Path) -> u8 {
    let system = System::detect(env);
    let invocation = match cli::parse(args) {
        Ok(invocation) => invocation,
        Err(Stop::Print(text)) => {
            Console::new(system.surface(env), false).print(&text);
            return Outcome::Done.exit_code(true);
        }
        Err(Stop::Usage(text)) => {
            Console::new(system.surface(env), false).annotate(Level::Error, "Wrong usage", &text);
            return Outcome::Misconfigured.exit_code(true);
        }
    };
    let mut console = Console::new(system.surface(env), invocation.json);
    if invocation.command == Command::Version {
        console.print(&format!("versioner {}\n", env!("CARGO_PKG_VERSION")));
        return Outcome::Done.exit_code(true);
    }
    let (outcome, lenient) = act(&invocation, env, system, directory, &mut console).await;
    outcome.exit_code(!lenient)
}

/// Gives the outcome, and whether an API error is excused.
async fn act(
    invocation: &Invocation,
    env: &Env,
    system: &'static System,
    directory: &Path,
    console: &mut Console,
) -> (Outcome, bool) {
    let context = system.context(env, directory);
    let reading = settings::read(invocation, env, &context);
    if let Some(key) = &reading.key {
        console.hide(Redactor::new(key));
    }
    console.verbose = reading.verbose;
    console.debug = reading.debug;
    for warning in &reading.warnings {
        console.warn(warning);
    }
    let payload = reading.settings.as_ref().map(|settings| Payload::new(&settings.described, Clock::system().now()));
    if reading.is_check {
        check::show(console, system, &reading, payload.as_ref());
    }
    let (Some(settings), Some(payload)) = (&reading.settings, payload) else {
        check::complain(console, &reading.problems);
        return (Outcome::Misconfigured, false);
    };
    let lenient = !settings.fail_on_api_error;
    let client = match Client::new(&settings.connection, env, system.source_system.unwrap_or("no CI")) {
        Ok(client) => client,
        Err(problem) => {
            check::complain(console, &[format!("{problem:#}")]);
            return (Outcome::Misconfigured, false);
        }
    };
    match settings.action {
        Action::Check { online: false } => {
            print_json(console, invocation, &Outputs::default());
            (Outcome::Done, lenient)
        }
        Action::Check { online: true } => (check_health(console, invocation, &client).await, false),
        Action::Report { subcommand } => {
            let subject = Subject { settings };
            console.line(&subject.line());
            let mut rng = fastrand::Rng::new();
            let answer =
                client.send(settings.described.event_type, &payload, None, Clock::system(), &mut rng, console).await;
            tell(console, invocation, subject, &answer);
            (outcome(&answer, settings, subcommand), lenient)
        }
    }
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
    print_json(console, invocation, &Outputs { http_status, attempts: Some(1), ..Outputs::default() });
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
fn tell(console: &Console, invocation: &Invocation, subject: Subject<'_>, answer: &Answer) {
    let now = Clock::system().now();
    let card = report::card(subject, answer, now);
    show(console, &card);
    if let Verdict::Recorded(receipt) = &answer.verdict {
        for (title, message) in report::violations(receipt) {
            console.annotate(Level::Warning, &title, &message);
        }
    }
    if subject.settings.summary && console.has_summary() {
        console.summarise(&card.scrubbed(|text| console.scrub(text)).markdown());
    }
    let outputs = report::outputs(subject, answer, now).scrubbed(|text| console.scrub(text));
    console.hand_on(&outputs.pairs());
    if let Some(path) = &subject.settings.output_file
        && let Err(problem) = outputs.append_to(path)
    {
        console.warn(&format!("The outputs could not be written: {problem}. Nothing else is affected."));
    }
    print_json(console, invocation, &outputs);
}

/// A success is one line; anything else is an annotation.
fn show(console: &Console, card: &Card) {
    match card.level {
        Level::Notice => {
            let facts: Vec<String> = card.message().lines().map(str::to_owned).collect();
            console.line(&[vec![card.title.clone()], facts].concat().join("; "));
        }
        Level::Warning | Level::Error => console.annotate(card.level, &card.title, &card.message()),
    }
}

fn print_json(console: &Console, invocation: &Invocation, outputs: &Outputs) {
    if invocation.json {
        console.print(&format!("{}\n", outputs.json()));
    }
}
