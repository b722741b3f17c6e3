//! Events that were not recorded: the API is unavailable, and what happens to the event.

use super::{NOW, Page, call, call_with_status, github};
use crate::messages::fixed::{fixed, readable};
use crate::support::Versioner;
use serde_json::json;
use std::fmt::Write as _;
use versioner_sandbox::{Fault, Options, Reply, Sandbox, Tls};

pub(super) fn unavailability(page: &mut Page) {
    page.chapter("Unavailable");
    let down = || Reply::status(503).json(json!({"detail": "Service temporarily unavailable"}));
    call(page, "The API is down", [down().times(2)], |call| call.env("INPUT_RETRIES", "1"));
    call_with_status(page, "… at the end of a deployment", "success", [down()], |call| call);
    call(page, "… with `fail_on_api_error: false`", [down()], |call| call.env("INPUT_FAIL_ON_API_ERROR", "false"));
    let limited = Reply::status(429).header("Retry-After", "300").json(json!({"detail": "Rate limit exceeded"}));
    call(page, "Rate limit", [limited], |call| call);
    call(page, "A gateway's page", [Reply::status(502).body("<html>Bad Gateway</html>")], |call| call);
    call(page, "A page that is not the API's", [Reply::status(200).body("<html>Please log in</html>")], |call| call);
    call(page, "No reply", [Reply::fault(Fault::Hang)], |call| call.env("INPUT_REQUEST_TIMEOUT", "1s"));
    let sandbox = Sandbox::start();
    let refused = |call: Versioner| call.env("INPUT_API_URL", &unused_address());
    page.case("Connection refused", &refused(github(&sandbox, "started")).env("INPUT_RETRIES", "1"), &sandbox);
    let proxied = github(&sandbox, "started").env("INPUT_API_URL", "https://api.versioner.io");
    page.case("Proxy refused", &proxied.env("HTTPS_PROXY", "http://localhost:1"), &sandbox);
    let tls = Sandbox::start_with(Options { tls: Tls::PrivateCa, ..Options::default() }).unwrap();
    page.case("Unknown certificate authority", &github(&tls, "started"), &tls);
    let expired = Sandbox::start_with(Options { tls: Tls::SelfSignedExpired, ..Options::default() }).unwrap();
    page.case("Expired certificate", &trusting(github(&expired, "started"), &expired), &expired);

    page.chapter("Not recorded yet");
    let end = |call: Versioner| {
        let temp = call.dir.path().join("_temp").display().to_string();
        call.env("RUNNER_TEMP", &temp).env("INPUT_FAIL_ON_API_ERROR", "false")
    };
    let call = end(refused(github(&sandbox, "success")));
    page.case("Queued until the job ends", &call, &sandbox);
    let again = call.env("INPUT_API_URL", &sandbox.url());
    sandbox
        .script([Reply::status(401).json(json!({"detail": "Invalid authentication credentials"})).header("Date", NOW)]);
    page.case("… because of the API key", &again, &sandbox);
    sandbox.script([Reply::status(503).header("Date", NOW).times(9)]);
    page.case("… behind an earlier event", &again.env("INPUT_FAIL_ON_API_ERROR", "true"), &sandbox);
    let lost = end(refused(github(&sandbox, "success"))).env("INPUT_SPOOL_DIR", "/proc/self/spool");
    page.case("Nowhere to queue it", &lost, &sandbox);
    let gitlab = refused(Versioner::deployment(&sandbox, "success"))
        .envs(&[("GITLAB_CI", "true"), ("VERSIONER_FAIL_ON_API_ERROR", "false"), ("VERSIONER_RETRIES", "0")])
        .env("VERSIONER_API_URL", &unused_address());
    let run = gitlab.run();
    writeln!(page.0, "\n### … on GitLab").unwrap();
    let text = fixed(&readable(&run.all()), &sandbox).replace(&gitlab.dir.path().display().to_string(), "/root/.local");
    page.block("text", text.split_once('\n').unwrap().1);
}

fn trusting(call: Versioner, sandbox: &Sandbox) -> Versioner {
    let path = call.file("ca.pem", sandbox.ca_pem().unwrap());
    call.env("INPUT_CA_BUNDLE", &path)
}

/// The URL of a port on which nothing listens.
fn unused_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port())
}
