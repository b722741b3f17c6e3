//! The programs to compare, and how each one sends the same event.

use crate::server::Server;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The key of the measurements.
pub(crate) const KEY: &str = "sk_demo_1001_4f9c1e7ab2d84c60";

/// The event, as curl and the floor send it.
const BODY: &str = r#"{"product_name":"shop","version":"1.4.2","environment_name":"staging","status":"completed"}"#;

/// The flags of the event, which the vendor's CLI has as well.
pub(crate) const EVENT: [&str; 10] = [
    "track",
    "deployment",
    "--product",
    "shop",
    "--version",
    "1.4.2",
    "--environment",
    "staging",
    "--status",
    "completed",
];

/// How the event travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Transport {
    Http,
    Tls,
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// The released program.
    pub(crate) versioner: PathBuf,
    /// The directory with `floor-raw`, `floor-client` and `meter`.
    pub(crate) floor: PathBuf,
    pub(crate) vendor_cli: Option<PathBuf>,
    /// A checkout of the vendor's Action.
    pub(crate) vendor_action: Option<PathBuf>,
}

impl Programs {
    pub(crate) fn meter(&self) -> PathBuf {
        self.floor.join("meter")
    }
}

/// One call of a program, in an environment that has only what is given here.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) id: &'static str,
    program: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(String, OsString)>,
    directory: PathBuf,
}

impl Invocation {
    /// A call in `directory`, which is also the home directory.
    pub(crate) fn new(id: &'static str, program: impl AsRef<OsStr>, directory: &Path) -> Self {
        let home = directory.as_os_str().to_owned();
        let path = "/usr/local/bin:/usr/bin:/bin".into();
        Self {
            id,
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            variables: vec![("HOME".to_owned(), home), ("PATH".to_owned(), path)],
            directory: directory.to_owned(),
        }
    }

    pub(crate) fn arguments(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn variables<'a>(mut self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.variables.extend(variables.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
        self
    }

    pub(crate) fn command(&self) -> Command {
        self.command_under([] as [&OsStr; 0])
    }

    /// The command that runs this one with the program and arguments in `wrapper`.
    pub(crate) fn command_under<'a>(&'a self, wrapper: impl IntoIterator<Item = &'a OsStr>) -> Command {
        let words = wrapper.into_iter().chain([self.program.as_os_str()]);
        let mut words = words.chain(self.arguments.iter().map(OsString::as_os_str));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.directory);
        command
    }
}

/// A server's address as a client sees it, and the file with the certificate to trust.
pub(crate) struct Endpoint {
    pub(crate) transport: Transport,
    pub(crate) url: String,
    pub(crate) address: String,
    pub(crate) ca: Option<PathBuf>,
}

impl Endpoint {
    pub(crate) fn new(server: &Server, transport: Transport, ca: &Path) -> Self {
        match transport {
            Transport::Http => {
                let url = format!("http://{}", server.http);
                Self { transport, url, address: server.http.to_string(), ca: None }
            }
            Transport::Tls => {
                let url = format!("https://localhost:{}", server.https.port());
                Self { transport, url, address: server.https.to_string(), ca: Some(ca.to_owned()) }
            }
        }
    }
}

/// `versioner` with the endpoint in its variables, and further `arguments`.
pub(crate) fn versioner(
    id: &'static str,
    programs: &Programs,
    endpoint: &Endpoint,
    directory: &Path,
    arguments: &[&str],
) -> Invocation {
    let call = Invocation::new(id, &programs.versioner, directory)
        .arguments(arguments)
        .variable("VERSIONER_API_URL", &endpoint.url)
        .variable("VERSIONER_API_KEY", KEY);
    match &endpoint.ca {
        Some(ca) => call.variable("VERSIONER_CA_BUNDLE", ca),
        None => call,
    }
}

/// All contenders for one event, `versioner` first.
pub(crate) fn contenders(programs: &Programs, endpoint: &Endpoint, directory: &Path, request: &str) -> Vec<Invocation> {
    let url = format!("{}/deployment-events/", endpoint.url);
    let ca = endpoint.ca.as_deref();
    let mut all = vec![versioner("versioner", programs, endpoint, directory, &EVENT)];
    if endpoint.transport == Transport::Http {
        let raw = Invocation::new("floor-raw", programs.floor.join("floor-raw"), directory);
        all.push(raw.arguments([endpoint.address.as_str(), request]));
    }
    let client = Invocation::new("floor-client", programs.floor.join("floor-client"), directory);
    all.push(client.arguments([url.as_str(), KEY, BODY]).arguments(ca));
    let curl = Invocation::new("curl", "curl", directory)
        .arguments(["--silent", "--show-error", "--fail", "--output", "/dev/null", "--data", BODY])
        .arguments(["--header", &format!("Authorization: Bearer {KEY}"), "--header", "Content-Type: application/json"]);
    all.push(match ca {
        Some(ca) => curl.arguments([OsStr::new("--cacert"), ca.as_os_str(), OsStr::new(&url)]),
        None => curl.arguments([&url]),
    });
    if let Some(program) = &programs.vendor_cli {
        let cli = Invocation::new("vendor-cli", program, directory)
            .arguments(EVENT)
            .variable("VERSIONER_API_URL", &endpoint.url)
            .variable("VERSIONER_API_KEY", KEY);
        all.push(trusting(cli, "SSL_CERT_FILE", ca));
    }
    if let Some(action) = &programs.vendor_action {
        let action = Invocation::new("vendor-action", "node", directory)
            .arguments([action.join("dist/index.js")])
            .variables(ACTION_INPUTS)
            .variable("INPUT_API_URL", &endpoint.url)
            .variable("INPUT_API_KEY", KEY);
        all.push(trusting(action, "NODE_EXTRA_CA_CERTS", ca));
    }
    all
}

fn trusting(call: Invocation, variable: &str, ca: Option<&Path>) -> Invocation {
    match ca {
        Some(ca) => call.variable(variable, ca),
        None => call,
    }
}

/// The event as GitHub passes it to an Action, and what GitHub sets.
pub(crate) const ACTION_INPUTS: [(&str, &str); 18] = [
    ("INPUT_PRODUCT_NAME", "shop"),
    ("INPUT_VERSION", "1.4.2"),
    ("INPUT_ENVIRONMENT", "staging"),
    ("INPUT_EVENT_TYPE", "deployment"),
    ("INPUT_STATUS", "success"),
    ("INPUT_METADATA", "{}"),
    ("INPUT_FAIL_ON_API_ERROR", "true"),
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_SERVER_URL", "https://github.com"),
    ("GITHUB_REPOSITORY", "acme/shop"),
    ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("GITHUB_REF", "refs/heads/main"),
    ("GITHUB_REF_NAME", "main"),
    ("GITHUB_RUN_ID", "4711"),
    ("GITHUB_RUN_NUMBER", "42"),
    ("GITHUB_RUN_ATTEMPT", "1"),
    ("GITHUB_ACTOR", "octocat"),
    ("GITHUB_WORKFLOW", "Deploy"),
];
