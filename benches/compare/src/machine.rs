//! What the figures were measured on: the machine, and the versions and sizes of the programs.

use crate::contender::{Invocation, Programs};
use anyhow::Context as _;
use std::path::Path;
use std::process::Command;

/// Name and value, for people.
pub(crate) fn describe(programs: &Programs) -> anyhow::Result<Vec<(String, String)>> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut facts = vec![
        ("Date".to_owned(), jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()),
        ("Processor".to_owned(), format!("{}, {cores} cores", cpu.unwrap_or(std::env::consts::ARCH))),
        (
            "Kernel".to_owned(),
            first_line(Command::new("uname").arg("-sr"))?.split('-').next().unwrap_or_default().to_owned(),
        ),
        ("Priority".to_owned(), priority().to_owned()),
        ("versioner".to_owned(), first_line(Command::new(&programs.versioner).arg("--version"))?),
        ("Rust".to_owned(), first_line(Command::new("rustc").arg("--version"))?),
        ("curl".to_owned(), first_line(Command::new("curl").arg("--version"))?),
    ];
    if let Some(program) = &programs.vendor_cli {
        let version = Invocation::new("the vendor's CLI", program, Path::new("/")).arguments(["version"]);
        facts.push(("Vendor CLI".to_owned(), first_line(&mut version.command())?));
    }
    if let Some(action) = &programs.vendor_action {
        let node = first_line(Command::new("node").arg("--version"))?;
        let manifest: serde_json::Value = crate::figures::read_json(&action.join("package.json"))?;
        let version = manifest.get("version").and_then(serde_json::Value::as_str).unwrap_or("unknown");
        facts.push(("Vendor Action".to_owned(), format!("{version}, with Node.js {node}")));
    }
    Ok(facts)
}

/// The priority of this process, which the measured ones inherit: the field `policy` of proc(5) is 1 or 2 for real-time.
fn priority() -> &'static str {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The fields after the name of the program, which may contain spaces.
    let policy = stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(38));
    if matches!(policy, Some("1" | "2")) { "real-time" } else { "normal" }
}

fn first_line(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{:?}", command.get_program()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or("unknown").trim();
    // curl lists its libraries.
    Ok(line.split(" (x86_64").next().unwrap_or(line).to_owned())
}

/// The sizes of what each contender needs on the runner, as far as they are files of its own.
pub(crate) fn sizes(programs: &Programs) -> anyhow::Result<Vec<(String, u64)>> {
    let size = |path: &Path| Ok::<_, anyhow::Error>(std::fs::metadata(path)?.len());
    let floor = |name: &str| size(&programs.floor.join(name));
    let mut sizes = vec![
        ("versioner".to_owned(), size(&programs.versioner)?),
        ("floor-raw".to_owned(), floor("floor-raw")?),
        ("floor-client".to_owned(), floor("floor-client")?),
    ];
    if let Some(program) = &programs.vendor_cli {
        sizes.push(("vendor-cli".to_owned(), size(program)?));
    }
    if let Some(action) = &programs.vendor_action {
        // Node.js comes with the runner, but is what runs.
        let node = first_line(Command::new("sh").args(["-c", "readlink -f \"$(command -v node)\""]))?;
        let own = size(&action.join("dist/index.js"))?;
        sizes.push(("vendor-action".to_owned(), own + size(Path::new(&node))?));
    }
    Ok(sizes)
}
