//! Gitea Actions and Forgejo Actions: GitHub's variables and commands, read by other programs.
//!
//! Owns: what they do otherwise than GitHub. Does not own: what they share with it (`github`). Sources: Gitea's
//! `models/actions/run.go` (links end in the run's number) and the runner that both use, nektos/act
//! (`pkg/runner/command.go`).

use super::System;
use super::github::{GitHub, context_with};
use super::surface::{Surface, SurfaceError};
use crate::env::Env;
use crate::model::message::{Level, Summary};

/// Gitea Actions.
pub(super) const GITEA: System = System {
    name: "Gitea Actions",
    source_system: Some("gitea"),
    detect: |env| env.is_true("GITEA_ACTIONS"),
    context: |env| context_with(env, RUN),
    surface: |env| Box::new(Gitea::new(env)),
};

/// Forgejo Actions, which says that it is Gitea as well.
pub(super) const FORGEJO: System = System {
    name: "Forgejo Actions",
    source_system: Some("forgejo"),
    detect: |env| env.is_true("FORGEJO_ACTIONS"),
    context: |env| context_with(env, RUN),
    surface: |env| Box::new(Gitea::new(env)),
};

/// The page of a run has its number in the address, where GitHub has its id.
const RUN: &str = "GITHUB_RUN_NUMBER";

/// GitHub's surfaces, for a parser that is less exact.
struct Gitea(GitHub);

impl Gitea {
    fn new(env: &Env) -> Self {
        Self(GitHub::new(env))
    }
}

impl Surface for Gitea {
    fn annotation(&self, level: Level, title: &str, message: &str) -> String {
        // A property whose value holds a `=` is dropped.
        self.0.annotation(level, &tame(&title.replace('=', ":")), &tame(message))
    }

    fn annotates_on_stdout(&self) -> bool {
        self.0.annotates_on_stdout()
    }

    fn add_summary(&self, summary: &Summary) -> Result<String, SurfaceError> {
        self.0.add_summary(summary)
    }

    fn has_summary(&self) -> bool {
        self.0.has_summary()
    }

    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        self.0.set_outputs(outputs)
    }
}

/// `text` without what act reads otherwise than GitHub: a message begins after the last `::`, its own first
/// character included, and escapes are undone in no particular order, so that the text `%0A`, escaped to `%250A`, may become a line break.
fn tame(text: &str) -> String {
    const ESCAPES: [&str; 5] = ["25", "0D", "0A", "3A", "2C"];
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if c == ':' && (out.is_empty() || out.ends_with(':')) {
            out.push(' ');
        }
        out.push(c);
        if c == '%' && ESCAPES.iter().any(|escape| text[at + 1..].starts_with(escape)) {
            out.push(' ');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As act reads a line: the message begins after the last `::`. Gives name, properties and message, still escaped.
    fn parse(line: &str) -> Option<(&str, &str, &str)> {
        let (head, message) = line.strip_prefix("::")?.rsplit_once("::")?;
        let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
        Some((name, properties, message))
    }

    fn unescape(text: &str, order: &[(&str, &str)]) -> String {
        order.iter().fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
    }

    const ORDERS: [[(&str, &str); 5]; 3] = [
        [("%25", "%"), ("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ",")],
        [("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")],
        [("%0A", "\n"), ("%25", "%"), ("%2C", ","), ("%0D", "\r"), ("%3A", ":")],
    ];

    fn gitea() -> Gitea {
        Gitea::new(&Env::default())
    }

    proptest! {
        #[test]
        fn an_annotation_is_one_command_with_its_text(
            title in "([:%=,0-9A-D ]|25|0A|\\PC){0,40}", message in "([:%,\n0-9A-D]|::|%0A|%25|##\\[error\\]|\\PC){0,60}"
        ) {
            let text = gitea().annotation(Level::Error, &title, &message);
            prop_assert_eq!(text.matches('\n').count(), 1);
            let (name, properties, said) = parse(text.trim_end_matches('\n')).expect("a command");
            prop_assert_eq!(name, "error");
            let pairs: Vec<Vec<&str>> = properties.split(',').map(|pair| pair.split('=').collect()).collect();
            prop_assert!(pairs.len() == 1 && pairs[0].len() == 2 && pairs[0][0] == "title", "{:?}", pairs);
            let shown_title = tame(&title.replace('=', ":"));
            // Without a message there would be no annotation: the title stands in for it.
            let shown_message = if message.is_empty() { shown_title.clone() } else { tame(&message) };
            for order in ORDERS {
                prop_assert_eq!(unescape(said, &order), shown_message.clone());
                prop_assert_eq!(unescape(pairs[0][1], &order), shown_title.clone());
            }
        }
    }

    #[test]
    fn text_without_pitfalls_stays_as_it_is() {
        assert_eq!(tame("100% of 12:30 a::b %0A"), "100% of 12:30 a: :b % 0A");
        assert_eq!(tame(":::"), " : : :");
    }
}
