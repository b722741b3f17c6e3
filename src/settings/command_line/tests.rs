//! Command lines as users and the vendor's CLI write them.

use super::*;

fn parsed(line: &str) -> Result<CommandLine, EarlyExit> {
    parse(std::iter::once("versioner").chain(line.split_whitespace()).map(OsString::from))
}

fn flag<'a>(invocation: &'a CommandLine, name: &str) -> Option<&'a str> {
    invocation.flags.get(name).map(String::as_str)
}

#[test]
fn vendor_cli_command_lines_are_accepted() {
    let line = "track deployment --product=shop --environment production --version 1.2 --status=started --extra-metadata {} -v --fail-on-api-error=false --skip-preflight-checks";
    let given = parsed(line).unwrap();
    assert_eq!(given.subcommand, Subcommand::TrackDeployment);
    assert_eq!(flag(&given, "product"), Some("shop"));
    assert_eq!(flag(&given, "version"), Some("1.2"));
    assert_eq!(flag(&given, "extra_metadata"), Some("{}"));
    assert_eq!(flag(&given, "verbose"), Some("true"));
    assert_eq!(flag(&given, "fail_on_api_error"), Some("false"));
    assert_eq!(given.deprecated, ["skip_preflight_checks"]);
}

#[test]
fn global_flags_may_stand_anywhere_and_the_last_one_counts() {
    for line in
        ["--api-url http://a track build --api-url http://b", "track --api-url http://a build --api-url=http://b"]
    {
        assert_eq!(flag(&parsed(line).unwrap(), "api_url"), Some("http://b"), "{line}");
    }
    assert_eq!(flag(&parsed("track build --version 1 --version 2").unwrap(), "version"), Some("2"));
    assert!(parsed("track build --json").unwrap().json);
}

#[test]
fn version_is_the_programs_own_except_under_track() {
    assert!(matches!(parsed("--version"), Err(EarlyExit::Print(text)) if text.contains(env!("CARGO_PKG_VERSION"))));
    assert_eq!(parsed("version").unwrap().subcommand, Subcommand::Version);
    assert_eq!(flag(&parsed("track build --version 7").unwrap(), "version"), Some("7"));
}

/// What is printed instead of executing `line`.
fn printed(line: &str) -> String {
    match parsed(line) {
        Err(EarlyExit::Usage(text) | EarlyExit::Print(text)) => text,
        Err(EarlyExit::Incomplete { help, error }) => format!("{help}{error}"),
        Ok(parsed) => panic!("{line}: {parsed:?}"),
    }
}

#[test]
fn usage_errors_say_what_to_do() {
    for (line, word) in [
        ("track", "versioner track build --product"),
        ("trakc", "did you mean track?"),
        ("track bild", "did you mean build?"),
        ("track deployment --produt x", "did you mean --product?"),
        ("track deployment --stop-timeout 9s", "but of 'versioner run'"),
        ("finish --version 1", "but of 'versioner track deployment'"),
        ("track build --xyzzy-plugh", "there is no flag --xyzzy-plugh."),
        ("track build -x", "there is no flag -x."),
        ("-vx", "there is no flag -x."),
        ("track build -V", "there is no flag -V."),
        ("track build extra", "unexpected argument 'extra'"),
        ("track build --summary false", "--summary=false"),
        ("track build -- extra", "unexpected argument 'extra'"),
        ("track build --config", "--config needs a value: --config <FILE>"),
        ("track build --version", "--version needs a value: --version <TEXT>"),
        ("track deployment --environment --status started", "--environment needs a value: --environment <NAME>"),
        ("run deploy.sh", "versioner run -- deploy.sh"),
        ("run", "'run' needs a command after --"),
        ("run --", "'run' needs a command after --"),
        ("run --json -- true", "--json cannot be used with 'run'"),
        ("--json run -- true", "--json cannot be used with 'run'"),
        ("track build --json=x", "--json takes no value"),
        ("--online", "there is no flag --online"),
    ] {
        let text = printed(line);
        assert!(text.contains(word), "{line}: {text}");
    }
}

#[test]
fn values_are_taken_as_they_are() {
    let value = |line: &str, name: &str| flag(&parsed(line).unwrap(), name).map(str::to_owned);
    assert_eq!(value("track build --product=--x=y", "product").as_deref(), Some("--x=y"));
    assert_eq!(value("track build --product=", "product").as_deref(), Some(""));
    assert_eq!(value("track build --product -", "product").as_deref(), Some("-"));
    assert_eq!(value("track build --product_name x", "product_name").as_deref(), Some("x"));
    assert_eq!(value("track build --summary=no", "summary").as_deref(), Some("no"));
    assert_eq!(value("track build -v=false", "verbose").as_deref(), Some("false"));
    assert_eq!(value("track build -vv", "verbose").as_deref(), Some("true"));
    assert_eq!(value("run --environment x -- a --environment y", "environment").as_deref(), Some("x"));
    assert_eq!(parsed("run -- a -- --b").unwrap().words, ["a", "--", "--b"]);
    assert_eq!(parsed("check --online").unwrap().subcommand, Subcommand::Check { online: true });
    assert_eq!(parsed("--").unwrap().subcommand, Subcommand::None);
}

#[cfg(unix)]
#[test]
fn argument_that_is_not_utf8_is_an_error_except_in_the_command_to_wrap() {
    use std::os::unix::ffi::OsStringExt as _;
    let odd = || OsString::from_vec(b"a\xffb".to_vec());
    let parse = |line: &[&str]| parse(line.iter().map(OsString::from).chain([odd()]));
    for line in [&["versioner"][..], &["versioner", "track", "build", "--product"]] {
        assert!(matches!(parse(line), Err(EarlyExit::Usage(text)) if text.contains("not valid UTF-8")), "{line:?}");
    }
    assert_eq!(parse(&["versioner", "run", "--"]).unwrap().words, [odd()]);
}

#[test]
fn help_is_printed_for_the_command_at_that_point() {
    for line in
        ["track build --help", "track build -h", "help track build", "track help build", "track build --help --x"]
    {
        assert!(printed(line).contains("Usage: versioner track build [FLAGS]"), "{line}");
    }
    assert!(printed("--help track build").contains("Usage: versioner [COMMAND] [FLAGS]"));
    assert!(printed("track --help").contains("\n  build "));
}

/// The flags in the help of `command`, with their arguments.
fn listed(command: &Command) -> Vec<String> {
    let help = help(command);
    help.lines().filter(|line| line.starts_with("  -")).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn help_lists_only_what_the_command_uses() {
    let lists = |words: &[&str], flag: &str| {
        let command = COMMANDS.iter().find(|command| command.words == words).unwrap();
        listed(command).iter().any(|line| line.contains(&format!("--{flag}")))
    };
    for (flag, expected) in [
        ("environment", ["", "track deployment", "run", "check"].as_slice()),
        ("product,", &["", "track deployment", "track build", "run", "check"]),
        ("status", &["", "track deployment", "track build", "finish", "check"]),
        ("build-url", &["", "track build", "check"]),
        ("deploy-url", &["", "track deployment", "run", "check"]),
        ("on-block", &["", "track deployment", "run", "check"]),
        ("stop-timeout", &["", "run"]),
        ("retry-set-aside", &["flush"]),
        ("workflow", &["resume"]),
        ("on-superseded", &["", "track deployment", "run", "check"]),
        ("online", &["check"]),
        ("json", &["", "track", "track deployment", "track build", "finish", "flush", "resume", "check", "version"]),
        ("run <SCRIPT>", &[""]),
    ] {
        for command in COMMANDS {
            let name = command.words.join(" ");
            assert_eq!(lists(command.words, flag), expected.contains(&name.as_str()), "{name}: {flag}");
        }
    }
}

#[test]
fn every_listed_flag_is_accepted() {
    for command in COMMANDS {
        for line in listed(command) {
            let names = line.split_whitespace().filter(|word| word.starts_with("--"));
            for name in names.map(|name| name.trim_end_matches(',').split('[').next().unwrap_or_default()) {
                if matches!(name, "--help" | "--version") || command.subcommand.is_none() {
                    continue;
                }
                let value = if line.contains(" <") { "=1" } else { "" };
                let words = command.words.join(" ");
                let command = if words == "run" { " -- x" } else { "" };
                let parsed = parsed(&format!("{words} {name}{value}{command}"));
                assert!(parsed.is_ok(), "{words} {name}: {parsed:?}");
            }
        }
    }
}

#[test]
fn every_example_is_a_valid_command_line() {
    for command in COMMANDS.iter().skip(1) {
        let example = command.example.strip_prefix("versioner ").unwrap();
        let subcommand = parsed(example).unwrap().subcommand;
        let expected = command.subcommand.unwrap_or(Subcommand::TrackBuild);
        assert_eq!(std::mem::discriminant(&subcommand), std::mem::discriminant(&expected), "{example}");
    }
}

#[test]
fn help_of_each_command() {
    let help: Vec<String> =
        COMMANDS.iter().map(|command| format!("$ {} --help\n{}", command.name(), help(command))).collect();
    insta::assert_snapshot!(help.join("\n"));
}
