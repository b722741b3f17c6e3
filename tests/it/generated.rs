//! Shell completions and the man page, made from the tables of commands and settings.
//!
//! The files are committed, so that the program need not carry them. `INSTA_UPDATE=always cargo test --test it generated`
//! writes them.

use crate::support::read;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command as Program;
use versioner_action::internals::{Argument, COMMANDS, Command, GROUPS, Setting};

/// A flag of a command.
struct Flag {
    /// With hyphens.
    names: Vec<String>,
    argument: Option<Argument>,
    about: String,
    default: &'static str,
}

impl Flag {
    fn takes_value(&self) -> bool {
        matches!(self.argument, Some(Argument::Value(_) | Argument::Words(_)))
    }

    fn words(&self) -> &'static [&'static str] {
        match self.argument {
            Some(Argument::Words(words)) => words,
            _ => &[],
        }
    }

    fn is_file(&self) -> bool {
        matches!(self.argument, Some(Argument::Value("FILE" | "DIRECTORY")))
    }
}

fn flags_of_group(command: &Command, group: &str) -> Vec<Flag> {
    let settings = command.settings(group).map(|setting| Flag {
        names: setting.aliases.iter().copied().chain([setting.name]).map(Setting::flag).collect(),
        argument: Some(setting.argument),
        about: setting.about.to_owned(),
        default: command.default_of(setting),
    });
    let own = command.own_flags(group).map(|flag| Flag {
        names: vec![format!("--{}", flag.name)],
        argument: None,
        about: flag.about.to_owned(),
        default: "",
    });
    settings.chain(own).collect()
}

fn flags(command: &Command) -> Vec<Flag> {
    GROUPS.iter().flat_map(|group| flags_of_group(command, group)).collect()
}

/// All flags with a value, once each.
fn with_value() -> Vec<Flag> {
    let mut all: Vec<Flag> = COMMANDS.iter().flat_map(flags).filter(Flag::takes_value).collect();
    all.sort_by(|a, b| a.names.cmp(&b.names));
    all.dedup_by(|a, b| a.names == b.names);
    all
}

fn names(flags: &[Flag]) -> String {
    flags.iter().flat_map(|flag| flag.names.iter().cloned()).collect::<Vec<_>>().join(" ")
}

fn children(command: &Command) -> Vec<&'static str> {
    command.children().filter_map(|child| child.words.last().copied()).collect()
}

/// The `case` arms of bash and zsh that find the command: `words` are what the user has typed so far.
fn bash() -> String {
    let mut out = "# bash completion for versioner\n\n_versioner() {\n  local word command='' index words=''\n  \
                   COMPREPLY=()\n  for ((index = 1; index < COMP_CWORD; index++)); do\n    \
                   word=${COMP_WORDS[index]}\n    case \"${command}/${word}\" in\n      */--) return ;;\n"
        .to_owned();
    for command in COMMANDS.iter().skip(1) {
        let (last, parent) = command.words.split_last().unwrap();
        let _ = writeln!(out, "      '{}/{last}') command='{}' ;;", parent.join(" "), command.words.join(" "));
    }
    out.push_str("      *) ;;\n    esac\n  done\n  case \"${COMP_WORDS[COMP_CWORD - 1]}\" in\n");
    for flag in with_value() {
        let reply = match (flag.words(), flag.is_file()) {
            ([], true) => "mapfile -t COMPREPLY < <(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\")".to_owned(),
            ([], false) => ":".to_owned(),
            (words, _) => format!("words='{}'", words.join(" ")),
        };
        let end = if flag.words().is_empty() { " && return" } else { "" };
        let _ = writeln!(out, "    {}) {reply}{end} ;;", flag.names.join(" | "));
    }
    out.push_str("    *)\n      case \"${command}\" in\n");
    for command in COMMANDS {
        let all = [children(command).join(" "), names(&flags(command))].join(" ");
        let _ = writeln!(out, "        '{}') words='{}' ;;", command.words.join(" "), all.trim());
    }
    out.push_str(
        "        *) ;;\n      esac\n      ;;\n  esac\n  mapfile -t COMPREPLY < <(compgen -W \"${words}\" -- \
         \"${COMP_WORDS[COMP_CWORD]}\")\n}\n\ncomplete -F _versioner versioner\n",
    );
    out
}

fn zsh() -> String {
    let mut out = "#compdef versioner\n\n_versioner() {\n  local command='' word\n  local -a entries\n  \
                   for word in ${words[2,CURRENT-1]}; do\n    case \"${command}/${word}\" in\n      */--) _normal && return ;;\n"
        .to_owned();
    for command in COMMANDS.iter().skip(1) {
        let (last, parent) = command.words.split_last().unwrap();
        let _ = writeln!(out, "      '{}/{last}') command='{}' ;;", parent.join(" "), command.words.join(" "));
    }
    out.push_str("    esac\n  done\n  case \"${words[CURRENT-1]}\" in\n");
    for flag in with_value() {
        let reply = match (flag.words(), flag.is_file()) {
            ([], true) => "_files".to_owned(),
            ([], false) => "_message value".to_owned(),
            (words, _) => format!("compadd -- {}", words.join(" ")),
        };
        let _ = writeln!(out, "    {}) {reply}; return ;;", flag.names.join("|"));
    }
    out.push_str("  esac\n  case \"${command}\" in\n");
    let quote = |text: &str| text.replace('\'', "'\\''");
    for command in COMMANDS {
        let _ = writeln!(out, "    '{}') entries=(", command.words.join(" "));
        for child in command.children() {
            let _ = writeln!(out, "      '{}:{}'", child.words.last().unwrap(), quote(child.about));
        }
        for flag in flags(command) {
            for name in &flag.names {
                let _ = writeln!(out, "      '{name}:{}'", quote(&flag.about));
            }
        }
        out.push_str("    ) ;;\n");
    }
    out.push_str("  esac\n  _describe 'versioner' entries\n}\n\n_versioner \"$@\"\n");
    out
}

fn fish() -> String {
    let mut out = "# fish completion for versioner\n\nfunction __versioner_command\n  set -l found\n  \
                   for word in (commandline -opc)[2..]\n    switch \"$found/$word\"\n"
        .to_owned();
    for command in COMMANDS.iter().skip(1) {
        let (last, parent) = command.words.split_last().unwrap();
        let _ =
            writeln!(out, "      case '{}/{last}'\n        set found '{}'", parent.join(" "), command.words.join(" "));
    }
    out.push_str("    end\n  end\n  test \"$found\" = \"$argv[1]\"\nend\n\ncomplete -c versioner -f\n");
    let quote = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    for command in COMMANDS {
        let condition = format!("complete -c versioner -n '__versioner_command \"{}\"'", command.words.join(" "));
        for child in command.children() {
            let _ = writeln!(out, "{condition} -a {} -d '{}'", child.words.last().unwrap(), quote(child.about));
        }
        for flag in flags(command) {
            let value = match (flag.words(), flag.is_file(), flag.takes_value()) {
                ([], true, _) => " -r -F".to_owned(),
                ([], false, true) => " -x".to_owned(),
                ([], false, false) => String::new(),
                (words, ..) => format!(" -x -a '{}'", words.join(" ")),
            };
            for name in &flag.names {
                let long = name.trim_start_matches("--");
                let _ = writeln!(out, "{condition} -l {long}{value} -d '{}'", quote(&flag.about));
            }
        }
    }
    out
}

/// `text` for roff: hyphens and backslashes are special, and so is a dot at the start of a line.
fn roff(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('…', "\\[u2026]")
        .replace('→', "\\(->")
}

fn man() -> String {
    let mut out = String::from(
        ".TH VERSIONER 1\n.SH NAME\nversioner \\- report builds and deployments to the Versioner API\n.SH SYNOPSIS\n\
         .B versioner\n[\\fICOMMAND\\fR] [\\fIFLAGS\\fR]\n",
    );
    out.push_str(".SH DESCRIPTION\n");
    let _ = writeln!(out, "{}.\n.PP", roff(COMMANDS[0].about));
    out.push_str(
        "Without a command, versioner reports the one event that INPUT_* or VERSIONER_* variables describe. Every setting is a \
         flag (\\-\\-product\\-name), an input of the Action (INPUT_PRODUCT_NAME) and a variable (VERSIONER_PRODUCT_NAME).\n",
    );
    for command in COMMANDS {
        let _ = writeln!(out, ".SH {}\n{}.", roff(&command.name()).to_uppercase(), roff(command.about));
        for group in GROUPS {
            let flags = flags_of_group(command, group);
            if !flags.is_empty() {
                let _ = writeln!(out, ".SS {group}");
            }
            for flag in flags {
                let names: Vec<String> = flag.names.iter().map(|name| format!("\\fB{}\\fR", roff(name))).collect();
                let argument = flag.argument.map(Argument::form).unwrap_or_default();
                let space = if flag.takes_value() { " " } else { "" };
                let default =
                    if flag.default.is_empty() { String::new() } else { format!(" [default: {}]", flag.default) };
                let _ = writeln!(
                    out,
                    ".TP\n{}{space}{}\n{}{}",
                    names.join(", "),
                    roff(&argument),
                    roff(&flag.about),
                    roff(&default)
                );
            }
        }
        let _ = writeln!(out, ".SS Example\n.nf\n{}\n.fi", roff(command.example));
    }
    out.push_str(
        ".SH EXIT STATUS\n0 recorded; 1 usage, configuration or API unavailable; 4 rejected by the API; 5 blocked by a rule; \
         under run, that of the command.\n",
    );
    out
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions").join(name)
}

fn files() -> [(PathBuf, String); 4] {
    [
        (path("versioner.bash"), bash()),
        (path("versioner.zsh"), zsh()),
        (path("versioner.fish"), fish()),
        (path("versioner.1"), man()),
    ]
}

#[test]
fn generated_files_are_up_to_date() {
    for (path, expected) in files() {
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &expected).unwrap();
        }
        assert!(read(&path) == expected, "{}: run INSTA_UPDATE=always cargo test --test it generated", path.display());
    }
}

#[test]
fn every_flag_is_in_every_generated_file() {
    for (path, text) in files() {
        let text = text.replace("\\-", "-");
        for name in COMMANDS.iter().flat_map(flags).flat_map(|flag| flag.names) {
            let fish = format!(" -l {}", name.trim_start_matches("--"));
            assert!(text.contains(&name) || text.contains(&fish), "{}: {name}", path.display());
        }
    }
}

/// What bash offers after `line`.
fn offered(line: &[&str]) -> Vec<String> {
    let words = line.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let script = format!(
        "set -eu; source '{}'; COMP_WORDS=({words}); COMP_CWORD={}; _versioner; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        path("versioner.bash").display(),
        line.len() - 1
    );
    let output = Program::new("bash").args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
fn bash_completes_commands_flags_and_words() {
    assert_eq!(offered(&["versioner", "tr"]), ["track"]);
    assert_eq!(offered(&["versioner", "track", ""])[..2], ["deployment", "build"]);
    assert_eq!(offered(&["versioner", "track", "deployment", "--prod"]), ["--product", "--product-name"]);
    assert_eq!(offered(&["versioner", "run", "--on-block", "w"]), ["wait"]);
    assert_eq!(offered(&["versioner", "finish", "--env"]), [""]);
}

/// Checks the file `name` with a program, if this machine has it.
fn lint(program: &str, args: &[&str], name: &str) {
    match Program::new(program).args(args).arg(path(name)).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        output => {
            let output = output.unwrap();
            assert!(output.status.success(), "{name}: {output:?}");
        }
    }
}

#[test]
fn generated_files_are_valid() {
    lint("bash", &["-n"], "versioner.bash");
    lint("zsh", &["-n"], "versioner.zsh");
    lint("fish", &["--no-execute"], "versioner.fish");
    lint("mandoc", &["-T", "lint", "-W", "error"], "versioner.1");
}
