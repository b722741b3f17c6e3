//! The commands, one file each.
//!
//! Owns: the order of things: command line, settings, then the plan. Does not own: policy (`model`), nor wording (`report`).

mod check;
mod finish;
mod flush;
mod resume;
mod run;
mod supervise;
mod track;

use crate::api::{ApiConfig, Client, ClientError};
use crate::ci::System;
use crate::console::Console;
use crate::delivery::{Session, print_json};
use crate::env::Env;
use crate::model::clock::Clock;
use crate::model::message::Level;
use crate::model::outcome::Outcome;
use crate::process::signals::install_handlers;
use crate::process::{protect_secrets, supervisor};
use crate::report::{Outputs, check as words};
use crate::settings::{self, CommandLine, EarlyExit, Plan, Resolved, SettingError, Settings, Subcommand};
use crate::text::{Redactor, sanitize};
use std::ffi::OsString;
use std::path::Path;

/// Executes the command that `args` and `env` describe, in `directory`. Returns the exit code.
pub async fn execute(args: impl IntoIterator<Item = OsString>, env: &Env, directory: &Path) -> u8 {
    protect_secrets();
    install_handlers();
    let args: Vec<OsString> = args.into_iter().collect();
    if supervisor::is_requested(&args) {
        return supervise::run().await;
    }
    let system = System::detect(env);
    let redactor = given_keys(&args, env);
    let json = args.iter().any(|arg| arg == "--json");
    let line = match settings::parse(args.iter().cloned()) {
        Ok(line) => line,
        Err(EarlyExit::Print(text)) => {
            Console::new(system.surface(env), false).print(&text);
            return Outcome::Done.exit_code();
        }
        Err(early) => {
            let mut console = Console::new(system.surface(env), json);
            console.set_redactor(stray_keys(&args, redactor));
            let text = match early {
                EarlyExit::Incomplete { help, error } => {
                    console.print_help(&help);
                    error
                }
                EarlyExit::Print(text) | EarlyExit::Usage(text) => text,
            };
            let lines: Vec<String> = text.lines().map(sanitize).filter(|line| !line.is_empty()).collect();
            console.annotate(Level::Error, "Wrong usage", &lines.join("\n"));
            print_json(&console, json, &Outputs::default());
            return Outcome::Misconfigured.exit_code();
        }
    };
    let mut console = Console::new(system.surface(env), line.json || line.subcommand == Subcommand::Run);
    if line.subcommand == Subcommand::Version {
        console.print(&format!("versioner {}\n", env!("CARGO_PKG_VERSION")));
        return Outcome::Done.exit_code();
    }
    let resolved = resolve(&line, env, system, directory, redactor);
    console.set_redactor(resolved.redactor.clone());
    console.verbose = resolved.verbose;
    console.debug = resolved.debug;
    if matches!(resolved.plan, Plan::Run(..)) {
        console.leave_stdout();
    }
    if let Some(note) = &resolved.note {
        console.line(note);
    }
    for warning in &resolved.warnings {
        console.warn(warning);
    }
    CommandContext { console: &console, env, system, json: line.json }.execute(resolved).await
}

fn resolve(line: &CommandLine, env: &Env, system: &System, directory: &Path, redactor: Redactor) -> Resolved {
    let context = system.context(env, directory);
    settings::resolve(line, env, system, &context, Clock::system().now(), redactor)
}

/// The keys that the arguments and the environment give as such. Nothing is printed before they are redacted.
fn given_keys(args: &[OsString], env: &Env) -> Redactor {
    let mut redactor = Redactor::default();
    let mut after_flag = false;
    for arg in args.iter().skip(1).filter_map(|arg| arg.to_str()) {
        let (flag, value) = arg.split_once('=').map_or((arg, None), |(flag, value)| (flag, Some(value)));
        let is_key = matches!(flag, "--api-key" | "--api_key" | "--github-token" | "--github_token");
        match value.filter(|_| is_key) {
            Some(key) => redactor.add(key),
            None if after_flag => redactor.add(arg),
            None => {}
        }
        after_flag = is_key && value.is_none();
    }
    for (name, value) in env.iter() {
        let name = name.replace('-', "_").to_ascii_uppercase();
        let setting = ["INPUT_", "VERSIONER_", "PLUGIN_"].iter().find_map(|prefix| name.strip_prefix(prefix));
        // People set the key itself in place of the file's name.
        let is_key = match setting {
            Some("API_KEY" | "GITHUB_TOKEN") => true,
            Some("API_KEY_FILE") => value.trim().starts_with("sk_"),
            _ => false,
        };
        if is_key {
            redactor.add(value);
        }
    }
    redactor
}

/// `redactor`, and every argument that looks like a key: a usage error may quote it.
fn stray_keys(args: &[OsString], mut redactor: Redactor) -> Redactor {
    for arg in args.iter().skip(1).filter_map(|arg| arg.to_str()) {
        let value = arg.split_once('=').map_or(arg, |(_, value)| value);
        if value.starts_with("sk_") {
            redactor.add(value);
        }
    }
    redactor
}

/// What every command starts with.
struct CommandContext<'a> {
    console: &'a Console,
    env: &'a Env,
    system: &'static System,
    json: bool,
}

impl CommandContext<'_> {
    async fn execute(&self, resolved: Resolved) -> u8 {
        let Resolved { plan, settings: resolved_settings, errors, .. } = resolved;
        match plan {
            Plan::Check(plan) => check::check(self, &plan, &resolved_settings, errors).await,
            Plan::Report(settings, plan) => {
                self.with_session(&settings, async |session| track::track(session, &plan).await).await
            }
            Plan::Run(settings, plan) => {
                self.with_session(&settings, async |session| run::run(session, self.env, &plan).await).await
            }
            Plan::Finish(settings, status) => {
                self.with_session(&settings, async |session| finish::finish(session, status.as_ref()).await).await
            }
            Plan::Flush(settings, plan) => {
                self.with_session(&settings, async |session| flush::flush(session, plan).await).await
            }
            Plan::Resume(settings, plan) => {
                self.with_session(&settings, async |session| resume::resume(session, &plan).await).await
            }
            Plan::Invalid => self.invalid(&errors),
        }
    }

    fn session<'s>(&'s self, client: &'s Client, settings: &'s Settings) -> Session<'s> {
        Session::new(self.console, client, settings, self.env, self.system, self.json)
    }

    /// Runs `command` in a session. Returns its exit code, or that of settings with which the client cannot be set up.
    async fn with_session(&self, settings: &Settings, command: impl AsyncFnOnce(&Session<'_>) -> u8) -> u8 {
        match self.client(&settings.api) {
            Ok(client) => command(&self.session(&client, settings)).await,
            Err(error) => self.invalid(&[error.into()]),
        }
    }

    fn client(&self, api: &ApiConfig) -> Result<Client, ClientError> {
        Client::new(api, self.env, self.system.source_system.unwrap_or("no CI"))
    }

    /// Reports invalid settings. Returns the exit code.
    fn invalid(&self, errors: &[SettingError]) -> u8 {
        config_errors(self.console, errors);
        print_json(self.console, self.json, &Outputs::default());
        Outcome::Misconfigured.exit_code()
    }
}

/// Reports invalid settings, if there are any.
fn config_errors(console: &Console, errors: &[SettingError]) {
    if !errors.is_empty() {
        let (title, message) = words::errors(errors);
        console.annotate(Level::Error, &title, &message);
    }
}
