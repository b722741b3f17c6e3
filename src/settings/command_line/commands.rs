//! The table of commands, and which flags each of them accepts and lists.
//!
//! Help, completions and the man page come from it. Does not own: parsing, nor the table of settings.

use super::Subcommand;
use crate::settings::table::{Argument, FILE, SETTINGS, Scope, Setting};

/// A command, or a word that needs a further one.
#[derive(Debug)]
pub struct Command {
    /// The words that name it.
    pub words: &'static [&'static str],
    /// `None`: a further word is needed.
    pub subcommand: Option<Subcommand>,
    /// In one line.
    pub about: &'static str,
    /// A line that works.
    pub example: &'static str,
}

/// A flag that is no setting.
#[derive(Debug)]
pub struct OwnFlag {
    /// Without hyphens.
    pub name: &'static str,
    /// One letter for it.
    pub short: Option<char>,
    /// The argument. A switch has none at all here.
    pub argument: Argument,
    /// The group in the help.
    pub group: &'static str,
    /// In one line.
    pub about: &'static str,
    accepted: fn(Option<Subcommand>) -> bool,
}

/// The groups of flags, in the order of the help.
pub const GROUPS: [&str; 5] = [EVENT, API, BLOCKS, WRAPPING, OUTPUT];
const EVENT: &str = "Event";
const API: &str = "API";
const BLOCKS: &str = "Blocks and waiting";
const WRAPPING: &str = "Wrapping";
const OUTPUT: &str = "Output";

/// All commands. The first is the call without a subcommand.
pub const COMMANDS: &[Command] = &[
    Command {
        words: &[],
        subcommand: Some(Subcommand::None),
        about: "Reports builds and deployments to the Versioner API. Explains blocked deployments, or waits until they may start",
        example: "VERSIONER_API_KEY=… VERSIONER_PRODUCT=shop VERSIONER_ENVIRONMENT=production versioner",
    },
    Command {
        words: &["track"],
        subcommand: None,
        about: "Report one event",
        example: "versioner track build --product shop --version 1.4.2",
    },
    Command {
        words: &["track", "deployment"],
        subcommand: Some(Subcommand::TrackDeployment),
        about: "Report a deployment: started checks the rules; completed, failed or aborted reports the end",
        example: "versioner track deployment --product shop --version 1.4.2 --environment production --status started",
    },
    Command {
        words: &["track", "build"],
        subcommand: Some(Subcommand::TrackBuild),
        about: "Report a build, which creates the version",
        example: "versioner track build --product shop --version 1.4.2",
    },
    Command {
        words: &["run"],
        subcommand: Some(Subcommand::Run),
        about: "Wrap a deployment: check the rules, run COMMAND, report how it ended, exit with its code",
        example: "versioner run --product shop --environment production -- ./deploy.sh",
    },
    Command {
        words: &["finish"],
        subcommand: Some(Subcommand::Finish),
        about: "Report the end of every deployment that this job started, with --status or the job's own status",
        example: "versioner finish --status failed",
    },
    Command {
        words: &["flush"],
        subcommand: Some(Subcommand::Flush),
        about: "Deliver spooled events, and list those that were set aside",
        example: "versioner flush --retry-set-aside",
    },
    Command {
        words: &["resume"],
        subcommand: Some(Subcommand::Resume),
        about: "On GitHub: re-run the parked jobs of a workflow whose block has ended",
        example: "versioner resume --workflow deploy.yml --dry-run",
    },
    Command {
        words: &["check"],
        subcommand: Some(Subcommand::Check { online: false }),
        about: "Show what would be sent and where each value comes from; sends no event",
        example: "versioner check --online",
    },
    Command {
        words: &["version"],
        subcommand: Some(Subcommand::Version),
        about: "Print the version",
        example: "versioner version",
    },
];

/// The flags that are no settings.
pub const OWN_FLAGS: &[OwnFlag] = &[
    OwnFlag {
        name: "online",
        short: None,
        argument: Argument::Switch,
        group: API,
        about: "also request the API's /health endpoint",
        accepted: |subcommand| matches!(subcommand, Some(Subcommand::Check { .. })),
    },
    OwnFlag {
        name: "config",
        short: None,
        argument: FILE,
        group: API,
        about: "a configuration file, in YAML [default: ~/.versioner/config.yaml, outside CI]",
        accepted: |subcommand| subcommand.is_some_and(|subcommand| subcommand != Subcommand::Version),
    },
    OwnFlag {
        name: "json",
        short: None,
        argument: Argument::Switch,
        group: OUTPUT,
        about: "print the outputs as one JSON object on stdout, all else on stderr",
        accepted: |subcommand| !matches!(subcommand, Some(Subcommand::Run)),
    },
    OwnFlag {
        name: "help",
        short: Some('h'),
        argument: Argument::Switch,
        group: OUTPUT,
        about: "print this help",
        accepted: |_| true,
    },
    OwnFlag {
        name: "version",
        short: Some('V'),
        argument: Argument::Switch,
        group: OUTPUT,
        about: "print the program's version",
        accepted: |subcommand| subcommand == Some(Subcommand::None),
    },
];

impl Command {
    /// The call without a subcommand.
    pub(super) fn bare() -> &'static Self {
        &COMMANDS[0]
    }

    /// The command that `word` after this one names.
    pub(super) fn child(&self, word: &str) -> Option<&'static Self> {
        self.children().find(|child| child.words.last() == Some(&word))
    }

    /// The commands that a further word names.
    pub fn children(&self) -> impl Iterator<Item = &'static Self> + use<> {
        let words = self.words;
        COMMANDS.iter().filter(move |command| command.words.split_last().is_some_and(|(_, parent)| parent == words))
    }

    /// The whole command: `versioner track build`.
    #[must_use]
    pub fn name(&self) -> String {
        std::iter::once(&"versioner").chain(self.words).copied().collect::<Vec<_>>().join(" ")
    }

    /// Whether it has a flag for `setting`. Those for the API, for blocks and for the output may be given to every command, so
    /// that a script can pass the same ones to all.
    pub(super) fn accepts(&self, setting: &Setting) -> bool {
        let describes_event = match self.subcommand {
            // A flag of the event may stand between the two words.
            None => true,
            Some(Subcommand::None) => return setting.name != "version",
            Some(Subcommand::TrackDeployment | Subcommand::TrackBuild | Subcommand::Run | Subcommand::Check { .. }) => {
                true
            }
            Some(Subcommand::Finish | Subcommand::Flush | Subcommand::Resume | Subcommand::Version) => false,
        };
        match setting.scope {
            Scope::Api | Scope::Blocks | Scope::GitHub | Scope::Output => true,
            Scope::Event | Scope::Deployment | Scope::Build => describes_event,
            Scope::Status => describes_event || self.subcommand == Some(Subcommand::Finish),
            Scope::Check => matches!(self.subcommand, Some(Subcommand::Check { .. })),
            Scope::Bare => false,
            Scope::Run => self.subcommand == Some(Subcommand::Run),
            Scope::Flush => self.subcommand == Some(Subcommand::Flush),
            Scope::Resume => self.subcommand == Some(Subcommand::Resume),
        }
    }

    /// Whether its help lists `setting`: it uses it, under this name.
    fn lists(&self, setting: &Setting) -> bool {
        let Some(subcommand) = self.subcommand.filter(|_| self.accepts(setting)) else { return false };
        let is_resume = subcommand == Subcommand::Resume;
        let is_gate =
            !is_resume && !matches!(subcommand, Subcommand::TrackBuild | Subcommand::Finish | Subcommand::Flush);
        const FOR_ANY_SERVER: [&str; 5] = ["allow_http", "request_timeout", "retries", "ca_bundle", "ca_only"];
        match setting.scope {
            _ if subcommand == Subcommand::Version => false,
            Scope::Blocks => is_gate,
            Scope::GitHub => is_gate || (is_resume && setting.name == "github_token"),
            Scope::Api if is_resume => FOR_ANY_SERVER.contains(&setting.name),
            Scope::Deployment => subcommand != Subcommand::TrackBuild,
            Scope::Build => !matches!(subcommand, Subcommand::TrackDeployment | Subcommand::Run),
            Scope::Status => subcommand != Subcommand::Run,
            Scope::Run => subcommand == Subcommand::Run || subcommand == Subcommand::None,
            Scope::Flush => subcommand == Subcommand::Flush,
            Scope::Resume => is_resume,
            Scope::Api | Scope::Event | Scope::Check | Scope::Bare | Scope::Output => true,
        }
    }

    /// The settings of `group` that its help lists.
    pub fn settings(&self, group: &str) -> impl Iterator<Item = &'static Setting> {
        SETTINGS.iter().filter(move |setting| group_of(setting) == group && self.lists(setting))
    }

    /// Its flags of `group` that are no settings.
    pub fn own_flags(&self, group: &str) -> impl Iterator<Item = &'static OwnFlag> {
        OWN_FLAGS.iter().filter(move |flag| flag.group == group && (flag.accepted)(self.subcommand))
    }

    /// What this command does if `setting` is not set, in words.
    #[must_use]
    pub fn default_of(&self, setting: &Setting) -> &'static str {
        match self.subcommand {
            Some(Subcommand::Finish) if setting.scope == Scope::Status => {
                "the job's own, where the CI system exposes it"
            }
            _ => setting.default,
        }
    }
}

fn group_of(setting: &Setting) -> &'static str {
    match setting.scope {
        Scope::Event | Scope::Deployment | Scope::Build | Scope::Status | Scope::Check => EVENT,
        Scope::Api | Scope::Flush => API,
        Scope::Blocks | Scope::GitHub | Scope::Resume => BLOCKS,
        Scope::Bare | Scope::Run => WRAPPING,
        Scope::Output => OUTPUT,
    }
}
