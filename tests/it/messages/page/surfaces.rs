//! The same block on the surfaces of other systems.

use super::{NOW, Page, window};
use crate::messages::fixed::{fixed, readable};
use crate::messages::unescape;
use crate::support::Versioner;
use crate::systems::{systems, with_surfaces};
use std::fmt::Write as _;
use versioner_sandbox::{Reply, Sandbox};

pub(super) fn surfaces(page: &mut Page) {
    page.chapter("Other systems");
    for (title, name) in [
        ("GitLab: an open section", "gitlab"),
        ("Azure DevOps", "azure"),
        ("Buildkite: the log, and the call of its agent", "buildkite"),
        ("TeamCity", "teamcity"),
        ("Plain text, as on Jenkins", "jenkins"),
    ] {
        let system = systems().find(|system| system.name == name).expect(name);
        let sandbox = Sandbox::start();
        sandbox.script([Reply::status(423).json(window()).header("Date", NOW)]);
        let call = Versioner::deployment(&sandbox, "started").env("VERSIONER_UI_URL", "https://app.versioner.io");
        let call =
            system.runs[0].variables(&call).into_iter().fold(call, |call, (name, value)| call.env(&name, &value));
        let call = with_surfaces(name, call);
        let run = call.run();
        let mut text = readable(&run.all());
        if name == "buildkite" {
            let calls = crate::support::read(&call.dir.path().join("calls"));
            text.extend(
                calls.lines().take_while(|line| !line.starts_with("meta-data")).map(|line| format!("{line}\n")),
            );
        }
        let is_ours = |line: &&str| {
            !line.starts_with("versioner: deployment:")
                && !line.contains("setvariable")
                && !line.contains("setParameter")
        };
        let text: String = text.lines().filter(is_ours).map(|line| format!("{line}\n")).collect();
        let text = fixed(&unescape(&text), &sandbox).replace(&call.dir.path().display().to_string(), "/agent/_temp");
        // The file's name is random.
        let text = text.split_once("/agent/_temp/versioner-").map_or(text.clone(), |(before, after)| {
            format!("{before}/agent/_temp/versioner-1{}", &after[after.find(".md").unwrap()..])
        });
        writeln!(page.0, "\n### {title}").unwrap();
        page.block("text", &text);
    }
}
