//! The order of things: command line, settings, then what was asked for. No logic of its own.

mod call;
mod finish;
mod flush;
mod keep;
mod report;
mod wrap;

use crate::api::Client;
use crate::check;
use crate::ci::System;
use crate::ci::surface::Level;
use crate::cli::{self, Command, Invocation, Stop};
use crate::clock::Clock;
use crate::console::Console;
use crate::env::Env;
use crate::event::Payload;
use crate::outcome::Outcome;
use crate::report::outputs::Outputs;
use crate::secret::Redactor;
use crate::settings::{self, Action};
use crate::text::shown;
use call::{Call, print_json};
use std::ffi::OsString;
use std::path::Path;

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
    let mut console = Console::new(system.surface(env), invocation.json || invocation.command == Command::Run);
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
    if reading.action == Action::Run {
        console.leave_stdout();
    }
    for warning in &reading.warnings {
        console.warn(warning);
    }
    if matches!(reading.action, Action::Check { .. }) {
        let payload = reading.described.as_ref().filter(|_| reading.problems.is_empty());
        check::show(
            console,
            system,
            &reading,
            payload.map(|described| Payload::new(described, Clock::system().now())).as_ref(),
        );
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
    let (Some(settings), Some(client), true) = (&reading.settings, &client, usable) else {
        print_json(console, invocation.json, &Outputs::default());
        return (Outcome::Misconfigured, false);
    };
    let call = Call::new(console, client, settings, env, system, invocation.json);
    match (reading.action, &reading.described) {
        (Action::Report { subcommand }, Some(described)) => report::report(&call, described, subcommand).await,
        (Action::Run, Some(described)) => (wrap::wrap(&call, described, &invocation.command_line).await, false),
        (Action::Finish, _) => finish::finish(&call, reading.job_status.as_ref()).await,
        (Action::Flush, _) => (flush::flush(&call).await, false),
        // An event that cannot be described is a problem, which has been complained about.
        (Action::Check { .. } | Action::Report { .. } | Action::Run, _) => {
            print_json(console, invocation.json, &Outputs::default());
            (Outcome::Done, false)
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
    print_json(console, invocation.json, &Outputs { http_status, attempts: Some(1), ..Outputs::default() });
    outcome
}
