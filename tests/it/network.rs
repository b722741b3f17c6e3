//! Network failures: retries and the pauses between them, proxies, host names that do not resolve.

use crate::support::Versioner;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use versioner_sandbox::{Reply, Sandbox};

#[test]
fn transient_status_is_retried() {
    for status in [408, 429, 500, 502, 503, 504, 520] {
        let sandbox = Sandbox::start();
        sandbox.script([Reply::status(status).header("Retry-After", "0")]);
        let run = Versioner::deployment(&sandbox, "success").args(["--json"]).run();
        assert_eq!((run.code, run.json()["attempts"].as_u64()), (0, Some(2)), "{status}: {}", run.stderr);
        assert!(run.stderr.contains(&format!("{status}")) && run.stderr.contains("retry in"), "{}", run.stderr);
    }
}

#[test]
fn short_retry_after_is_waited_for_and_long_one_fails() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(429).header("Retry-After", "1")]);
    let started = std::time::Instant::now();
    assert_eq!(Versioner::deployment(&sandbox, "success").run().code, 0);
    assert!(started.elapsed().as_secs_f64() >= 1.0, "did not wait for Retry-After");

    let in_an_hour = (jiff::Timestamp::now().as_second() + 3_600).to_string();
    for (name, value) in [
        ("Retry-After", "61"),
        ("Retry-After", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("X-RateLimit-Reset", in_an_hour.as_str()),
    ] {
        sandbox.clear_requests();
        sandbox.script([Reply::status(429).header(name, value)]);
        let run = Versioner::deployment(&sandbox, "success").run();
        assert_eq!((run.code, sandbox.requests().len()), (1, 1), "{}", run.stderr);
        assert!(run.stderr.contains("asks for a pause"), "{}", run.stderr);
    }
}

#[test]
fn refused_connection_and_unknown_host_are_reported() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let call = |url: &str| {
        Versioner::bare()
            .env("VERSIONER_API_KEY", "sk_acme_k1_topsecret")
            .args([
                "track",
                "build",
                "--product",
                "a",
                "--version",
                "1",
                "--retries",
                "0",
                "--allow-http",
                "--api-url",
                url,
            ])
            .run()
    };
    let refused = call(&format!("http://127.0.0.1:{port}"));
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("Can't reach the Versioner API") && refused.stderr.contains("connection refused"),
        "{}",
        refused.stderr
    );
    let unknown = call("http://no-such-host.invalid");
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("no-such-host.invalid"), "{}", unknown.stderr);
}

/// Starts a forward proxy that answers every request with `reply`. Returns its address and the requests it received.
fn proxy(reply: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let received = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&received);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = vec![0; 65_536];
            let length = stream.read(&mut request).unwrap_or(0);
            log.lock().unwrap().push(String::from_utf8_lossy(&request[..length]).into_owned());
            let _ = stream.write_all(reply.as_bytes());
        }
    });
    (address, received)
}

#[test]
fn proxy_error_is_unavailable() {
    for (reply, url, message) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "http://api.example", "407"),
        ("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "https://api.example", "407"),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "https://api.example", "refused to connect"),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
            "http://api.example",
            "403",
        ),
    ] {
        let (address, received) = proxy(reply);
        let login = format!("http://user:hunter2@{address}");
        let run = Versioner::bare()
            .envs(&[("VERSIONER_API_KEY", "sk_acme_k1_topsecret"), ("HTTPS_PROXY", &login), ("HTTP_PROXY", &login)])
            .args([
                "track",
                "build",
                "--product",
                "a",
                "--version",
                "1",
                "--retries",
                "0",
                "--allow-http",
                "--json",
                "--api-url",
                url,
            ])
            .run();
        assert_eq!((run.code, run.json()["outcome"].as_str()), (1, Some("unavailable")), "{reply}: {}", run.stderr);
        assert!(
            run.stderr.contains(&format!("he proxy http://{address}")) && run.stderr.contains(message),
            "{}",
            run.stderr
        );
        assert!(!run.all().contains("hunter2"), "{}", run.all());
        let received = received.lock().unwrap().concat().to_lowercase();
        assert!(received.contains("proxy-authorization: basic dxnlcjpodw50zxiy"), "{received}");
    }
}

#[test]
fn api_rejection_through_a_proxy_exits_4() {
    let (address, _) = proxy(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"detail\":\"no\"}",
    );
    let run = Versioner::bare()
        .envs(&[("VERSIONER_API_KEY", "sk_acme_k1_topsecret"), ("http_proxy", &address)])
        .args(["track", "build", "--product", "a", "--version", "1", "--allow-http", "--api-url", "http://api.example"])
        .run();
    assert_eq!(run.code, 4, "{}", run.stderr);
}

#[test]
fn loopback_and_no_proxy_hosts_bypass_the_proxy() {
    let sandbox = Sandbox::start();
    let (address, received) = proxy("HTTP/1.1 407 x\r\nContent-Length: 0\r\n\r\n");
    let proxies = [("HTTP_PROXY", address.as_str()), ("http_proxy", &address), ("ALL_PROXY", &address)];
    assert_eq!(Versioner::deployment(&sandbox, "success").envs(&proxies).run().code, 0);
    let no_proxy = Versioner::bare()
        .envs(&proxies)
        .envs(&[("VERSIONER_API_KEY", "sk_acme_k1_topsecret"), ("NO_PROXY", "other.example,.invalid")])
        .args([
            "track",
            "build",
            "--product",
            "a",
            "--version",
            "1",
            "--retries",
            "0",
            "--allow-http",
            "--api-url",
            "http://api.invalid",
        ])
        .run();
    assert_eq!(no_proxy.code, 1);
    assert!(received.lock().unwrap().is_empty());
}

/// Runs the call under limits of `prlimit`, as a user without any other processes: root is not limited.
#[cfg(target_os = "linux")]
fn run_with_limits(call: &Versioner, limits: &str) -> std::process::Output {
    let plain = call.command();
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid=4711", "--regid=4711", "--clear-groups", "prlimit", limits, "--"]).arg(plain.get_program());
    command.args(plain.get_args()).env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", "/usr/bin:/bin").current_dir("/").output().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn process_limit_is_an_error_and_no_crash() {
    if !rustix::process::geteuid().is_root() {
        // Only root can become a user whose processes are none but these.
        return;
    }
    let sandbox = Sandbox::start();
    let url = sandbox.url().replace("127.0.0.1", "localhost");
    let call = Versioner::deployment(&sandbox, "success").env("VERSIONER_API_URL", &url).args(["--retries", "0"]);
    let output = run_with_limits(&call, "--nproc=1");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{:?} {stderr}", output.status);
    for limit in ["--nproc=1", "--nproc=2", "--nproc=3"] {
        let sandbox = Sandbox::start();
        let call = Versioner::wrap(&sandbox, ["/bin/true"]).env("VERSIONER_SPOOL_DIR", "off");
        let output = run_with_limits(&call, limit);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 1 | 126)), "{limit}: {:?} {stderr}", output.status);
        assert!(!stderr.contains("bug in versioner"), "{limit}: {stderr}");
        assert!(code == Some(0) || stderr.contains("error"), "{limit}: {code:?} {stderr}");
    }
}

/// A build that goes to `https://api.example` through `proxy`.
fn build_through(proxy: &str) -> Versioner {
    Versioner::bare()
        .envs(&[("VERSIONER_API_KEY", "sk_acme_k1_topsecret"), ("HTTPS_PROXY", proxy), ("http_proxy", proxy)])
        .args(["track", "build", "--product", "a", "--version", "1", "--retries", "0", "--debug"])
        .args(["--api-url", "https://api.example"])
}

#[test]
fn strace_shows_no_lookup_of_a_piece_of_a_proxy_password() {
    let (address, _) = proxy("HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n");
    let (_, network) = crate::tls::trace(&build_through(&format!("http://bob:pass@{address}")), "network");
    assert!(network.contains("AF_INET"), "{network}");
    for password in [
        "x@Pa55/word",
        "80/Pa55",
        "Pa55#word",
        "Pa55?word",
        "Pa55 word",
        "Pa55\\word",
        "x@Pa55:80/word",
        "x://Pa55word",
    ] {
        for scheme in ["http://", "https://", "socks5://", ""] {
            let call = build_through(&format!("{scheme}bob:{password}@proxy.invalid:3128"));
            let (output, network) = crate::tls::trace(&call, "network");
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
            assert_eq!(output.status.code(), Some(1), "{stderr}");
            assert!(stderr.contains("HTTPS_PROXY is ") && stderr.contains("must be percent-encoded"), "{stderr}");
            for piece in ["Pa55", "word", "bob"] {
                assert!(!format!("{stdout}{stderr}").replace("password", "").contains(piece), "{stdout}{stderr}");
            }
            assert!(!network.contains("AF_INET"), "{network}");
        }
    }
}

#[test]
fn percent_encoded_proxy_password_is_sent_decoded() {
    for url in ["https://api.example", "http://api.example"] {
        let (address, received) = proxy("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        let call = build_through(&format!("http://b%40b:x%40Pa55%2Fw%3Ford%23%25%20%5C@{address}"));
        let run = call.args(["--allow-http", "--api-url", url]).run();
        assert_eq!(run.code, 1, "{}", run.stderr);
        let received = received.lock().unwrap().concat().to_lowercase();
        // b@b:x@Pa55/w?ord#% \
        let login = "proxy-authorization: basic YkBiOnhAUGE1NS93P29yZCMlIFw=".to_lowercase();
        assert!(received.contains(&login), "{received}");
        assert!(!run.all().contains("Pa55") && !run.all().contains("YkBi"), "{}", run.all());
    }
}

#[test]
fn proxy_that_is_not_used_is_not_parsed() {
    let sandbox = Sandbox::start();
    let invalid = "http://bob:x@Pa55/word@proxy.invalid:3128";
    let proxies = [("HTTP_PROXY", invalid), ("HTTPS_PROXY", invalid), ("ALL_PROXY", invalid)];
    let run = Versioner::deployment(&sandbox, "success").envs(&proxies).run();
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = build_through(invalid).env("NO_PROXY", ".invalid").args(["--api-url", "https://api.invalid"]).run();
    assert!(run.stderr.contains("api.invalid: "), "{}", run.stderr);
}

#[test]
fn proxy_that_is_not_utf8_exits_1() {
    use std::os::unix::ffi::OsStrExt as _;
    let call = build_through("");
    let output =
        call.command().env("HTTPS_PROXY", std::ffi::OsStr::from_bytes(b"http://bob:\xff@proxy")).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("HTTPS_PROXY") && stderr.contains("not UTF-8") && !stderr.contains("bob"), "{stderr}");
}
