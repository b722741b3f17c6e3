//! The text of `--help`, from the tables of commands and settings.

use super::Subcommand;
use super::commands::{Command, GROUPS, OwnFlag};
use crate::settings::table::{Argument, Setting};
use crate::text::capitalize;

/// Where the descriptions of flags begin, and where lines end.
const COLUMN: usize = 38;
const WIDTH: usize = 100;

/// The help of `command`.
pub(super) fn help(command: &Command) -> String {
    let mut help = format!("{}.\n\nUsage: {}\n", command.about, usage(command));
    let children: Vec<&Command> = command.children().collect();
    if !children.is_empty() {
        help.push_str("\nCommands:\n");
    }
    for child in children {
        entry(&mut help, child.words.last().copied().unwrap_or_default(), child.about);
    }
    for group in GROUPS {
        let settings = command.settings(group).map(|setting| {
            let about = match command.default_of(setting) {
                "" => capitalize(setting.about),
                default => format!("{} [default: {default}]", capitalize(setting.about)),
            };
            (flags_of(setting), about)
        });
        let own = command.own_flags(group).map(|flag| (flags_of_own(flag), capitalize(flag.about)));
        let flags: Vec<(String, String)> = settings.chain(own).collect();
        if !flags.is_empty() {
            help.push_str(&format!("\n{group}:\n"));
        }
        for (flag, about) in flags {
            entry(&mut help, &flag, &about);
        }
    }
    help.push_str(&format!("\nExample:\n  {}\n", command.example));
    if command.subcommand == Some(Subcommand::None) {
        help.push_str(FOOTER);
    }
    help
}

const FOOTER: &str = "
Without a subcommand, versioner reports the one event that INPUT_… or VERSIONER_… variables describe, or wraps the
script in the setting 'run'. Every setting is a flag (--product-name), an input of the Action (INPUT_PRODUCT_NAME) and a
variable (VERSIONER_PRODUCT_NAME).

Exit codes: 0 recorded; 1 usage, configuration or API unavailable; 4 rejected by the API; 5 blocked by a rule; under
'run' the command's own.
";

/// The command with its arguments.
pub(super) fn usage(command: &Command) -> String {
    let name = command.name();
    match command.subcommand {
        None => format!("{name} COMMAND [FLAGS]"),
        Some(Subcommand::None) => format!("{name} [COMMAND] [FLAGS]"),
        Some(Subcommand::Run) => format!("{name} [FLAGS] -- COMMAND [ARGUMENT…]"),
        Some(Subcommand::Version) => name,
        Some(_) => format!("{name} [FLAGS]"),
    }
}

/// The names of a setting's flag with its argument, those of the vendor's clients first.
fn flags_of(setting: &Setting) -> String {
    let mut names: Vec<String> = setting.aliases.iter().copied().map(Setting::flag).collect();
    names.push(Setting::flag(setting.name));
    let argument = match setting.argument {
        Argument::Value(_) | Argument::Words(_) => format!(" {}", setting.argument.form()),
        Argument::Switch => setting.argument.form(),
    };
    let short = if setting.name == "verbose" { "-v, " } else { "" };
    format!("{short}{}{argument}", names.join(", "))
}

fn flags_of_own(flag: &OwnFlag) -> String {
    let short = flag.short.map_or_else(String::new, |short| format!("-{short}, "));
    let argument = match flag.argument {
        Argument::Switch => String::new(),
        argument => format!(" {}", argument.form()),
    };
    format!("{short}--{}{argument}", flag.name)
}

/// Adds a name and its description, which is wrapped.
fn entry(help: &mut String, name: &str, about: &str) {
    let mut line = format!("  {name}");
    // A description begins below a name that is too long.
    if name.chars().count() + 4 > COLUMN {
        help.push_str(&line);
        help.push('\n');
        line.clear();
    }
    let mut length = line.chars().count();
    let mut is_first = true;
    for word in about.split(' ') {
        let needed = word.chars().count() + 1;
        if is_first || length + needed > WIDTH {
            if !is_first {
                help.push_str(&line);
                help.push('\n');
                line.clear();
                length = 0;
            }
            line.push_str(&" ".repeat(COLUMN - length));
            length = COLUMN;
        } else {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += needed - 1;
        is_first = false;
    }
    help.push_str(&line);
    help.push('\n');
}
