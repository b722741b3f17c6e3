//! Plays the scenes of the demo: `versioner-demo BINARY [--scene NAME]`.

use anyhow::{Context as _, bail};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use versioner_demo::{SCENES, Style};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let binary = arguments.next().map(PathBuf::from).context("the first argument must be the versioner binary")?;
    let arguments: Vec<String> = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
    let wanted = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => None,
        ["--scene", name] => Some(name),
        _ => bail!("usage: versioner-demo BINARY [--scene NAME]"),
    };
    let scenes: Vec<_> = SCENES.iter().filter(|scene| wanted.is_none_or(|name| name == scene.name)).collect();
    if scenes.is_empty() {
        let names: Vec<&str> = SCENES.iter().map(|scene| scene.name).collect();
        bail!("there is no such scene. There are: {}", names.join(", "));
    }
    let colors = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let style = if colors { Style::Colors } else { Style::Plain };
    let mut stdout = std::io::stdout();
    if wanted.is_none() {
        writeln!(
            stdout,
            "Each scene is one step of a GitHub workflow. A sandbox on this machine stands in for the Versioner API."
        )?;
    }
    for scene in scenes {
        write!(stdout, "\n{}", scene.play(&binary, style)?)?;
    }
    if wanted.is_none() {
        writeln!(stdout, "\nTo play one scene: ./tests/demo.sh --scene blocked")?;
    }
    Ok(())
}
