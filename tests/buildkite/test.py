#!/usr/bin/env python3
"""Runs jobs under the real Buildkite agent: `test.py AGENT PLUGIN MIRROR WORK URL KEY`.

AGENT is the program buildkite-agent. PLUGIN is the plugin's directory with the checksums of the
release at MIRROR. URL and KEY are those of the
sandbox. This program stands in for Buildkite's API, and checks what the agent, the API and the sandbox received.
"""

import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

JOB_LIMIT = 60  # Seconds. A job takes one or two; a cancelled one up to ten.


class Buildkite:
    """The API that the agent talks to. Gives it one job after another."""

    def __init__(self):
        self.job = None
        self.offered = False
        self.cancelled = False
        self.finished = threading.Event()
        self.log = ""
        self.result = {}
        self.annotations = []
        self.metadata = {}
        self.ending = False
        self.chunks = {}
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.reply()

            do_POST = do_PUT = do_GET

            def reply(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                encoded = self.headers.get("Content-Encoding") == "gzip"
                status, reply = api.answer(self.path.strip("/"), body, encoded)
                text = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path, body, encoded):
        path, _, query = path.partition("?")
        call = path.split("/")[-1]
        if call == "register":
            intervals = {"ping_interval": 1, "job_status_interval": 1, "heartbeat_interval": 60}
            return 200, {"id": "agent", "name": "agent-1", "access_token": "t", "endpoint": self.url, **intervals}
        if call == "ping":
            if self.ending:
                return 200, {"action": "disconnect"}
            if self.job and not self.offered:
                self.offered = True
                return 200, {"job": self.job}
            return 200, {}
        if call == "accept":
            return 200, self.job
        if call == "chunks":
            import gzip

            sequence = int(dict(pair.split("=") for pair in query.split("&"))["sequence"])
            self.chunks[sequence] = gzip.decompress(body) if encoded else body
            return 201, {}
        if call == "annotations":
            self.annotations.append(json.loads(body))
            return 201, {}
        if path.endswith("data/set"):
            pair = json.loads(body)
            self.metadata[pair["key"]] = pair["value"]
            return 200, {}
        if path.endswith("data/get"):
            key = json.loads(body)["key"]
            return (200, {"key": key, "value": self.metadata[key]}) if key in self.metadata else (404, {})
        if call == "finish":
            self.result = json.loads(body)
            self.log = b"".join(self.chunks[key] for key in sorted(self.chunks)).decode(errors="replace")
            self.finished.set()
            return 200, {}
        if path.startswith("jobs/") and path.count("/") == 1:
            return 200, {"state": "canceled" if self.cancelled else "running"}
        return 200, {}


def sandbox(url, path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/_sandbox/{path}", data, headers, method=method)
    with urllib.request.urlopen(request) as reply:
        text = reply.read()
        return json.loads(text) if text else None


class Test:
    def __init__(self, agent, plugin, mirror, work, url, key):
        self.url, self.work = url, pathlib.Path(work)
        self.mirror = urllib.parse.urlparse(mirror).path
        shutil.rmtree(work, ignore_errors=True)
        for name in ["bin", "builds", "hooks", "plugins", "sockets", "home"]:
            (self.work / name).mkdir(parents=True)
        self.agent = self.work / "bin/buildkite-agent"
        self.agent.symlink_to(agent)
        self.plugin = self.create_plugin(plugin)
        self.write_hook("environment", f"export VERSIONER_API_URL={url} VERSIONER_API_KEY={key} VERSIONER_DOWNLOAD_URL={mirror}")
        # The jobs need no checkout: the repository only names the product.
        self.write_hook("checkout", "true")
        self.buildkite = Buildkite()
        self.process = self.start_agent()
        self.jobs = 0

    def write_hook(self, name, script):
        path = self.work / "hooks" / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def create_plugin(self, plugin):
        """A git repository with the plugin, whose location it returns."""
        repository = self.work / "versioner-buildkite-plugin"
        shutil.copytree(plugin, repository)
        git = ["git", "-C", repository, "-c", "user.name=octo", "-c", "user.email=octo@example.invalid"]
        for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "Release"], ["tag", "v1"]):
            subprocess.run([*git, *words], check=True)
        return f"file://{repository}#v1"

    def start_agent(self):
        paths = [f"--{name}-path={self.work / name}" for name in ["hooks", "plugins", "sockets"]]
        options = ["--token=t", "--no-color", "--no-http2", "--no-ssh-keyscan", "--no-plugin-validation=false"]
        environment = {"PATH": f"{self.work}/bin:{os.environ['PATH']}", "HOME": str(self.work / "home"), "TMPDIR": str(self.work)}
        return subprocess.Popen(
            [self.agent, "start", f"--endpoint={self.buildkite.url}", f"--build-path={self.work / 'builds'}", *paths, *options],
            env=environment, stdout=(self.work / "agent.log").open("w"), stderr=subprocess.STDOUT, start_new_session=True,
        )

    def run(self, command, properties=None, cancel_when=None, keep=False):
        """Runs a job, and cancels it as soon as the file `cancel_when` exists."""
        api, self.jobs = self.buildkite, self.jobs + 1
        sandbox(self.url, "requests", method="DELETE")
        api.annotations, api.chunks, api.cancelled, api.offered = [], {}, False, False
        api.metadata = api.metadata if keep else {}
        api.finished.clear()
        environment = {
            "BUILDKITE": "true", "CI": "true", "BUILDKITE_COMMAND": command, "BUILDKITE_JOB_ID": f"job-{self.jobs}",
            "BUILDKITE_BUILD_ID": "0190-0001", "BUILDKITE_BUILD_NUMBER": "42", "BUILDKITE_BRANCH": "main",
            "BUILDKITE_COMMIT": "0123456789abcdef0123456789abcdef01234567", "BUILDKITE_PIPELINE_SLUG": "shop",
            "BUILDKITE_ORGANIZATION_SLUG": "octo", "BUILDKITE_REPO": "git@github.example:octo/shop.git",
            "BUILDKITE_PIPELINE_PROVIDER": "git", "BUILDKITE_AGENT_NAME": "agent-1", "BUILDKITE_SOURCE": "webhook",
            "BUILDKITE_BUILD_URL": "https://buildkite.example/octo/shop/builds/42",
        }
        if properties is not None:
            environment["BUILDKITE_PLUGINS"] = json.dumps([{self.plugin: properties}])
        api.job = {"id": f"job-{self.jobs}", "endpoint": api.url, "state": "assigned", "env": environment,
                   "chunks_max_size_bytes": 102400, "token": "job-token"}
        deadline = time.monotonic() + JOB_LIMIT
        while not api.finished.wait(0.05):
            if cancel_when and cancel_when.exists():
                api.cancelled = True
            assert time.monotonic() < deadline and self.process.poll() is None, "the job did not end"
        api.job = None

    def statuses(self):
        return [request["body"]["status"] for request in sandbox(self.url, "requests")]

    def expect(self, exit_status, statuses, **outputs):
        api = self.buildkite
        assert api.result["exit_status"] == exit_status, f"exit status {api.result}"
        assert self.statuses() == statuses, f"events {self.statuses()}"
        for name, value in outputs.items():
            found = api.metadata.get(f"VERSIONER_{name.upper()}")
            assert found == value, f"{name} is {found}, not {value}"

    def close(self):
        self.buildkite.ending = True
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


def running(argument):
    """Whether any process has this argument."""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if argument.encode() in path.read_bytes().split(b"\0"):
                return True
        except OSError:
            pass  # It has just ended.
    return False


def test_success(test):
    test.run('echo "deployed, key: <${VERSIONER_API_KEY-}>"', {"environment": "production"})
    test.expect("0", ["started", "completed"], outcome="recorded", deployment_status="completed", gate="passed")
    assert "deployed, key: <>" in test.buildkite.log
    event = sandbox(test.url, "requests")[0]["body"]
    assert (event["product_name"], event["version"], event["scm_branch"]) == ("shop", "01234567", "main"), event
    assert test.buildkite.annotations[-1]["style"] == "success", test.buildkite.annotations


def test_later_job_reads_the_outputs(test):
    test.run('test "$(buildkite-agent meta-data get VERSIONER_OUTCOME)" = recorded', keep=True)
    test.expect("0", [])


def test_failure(test):
    test.run("exit 3", {"environment": "production"})
    test.expect("3", ["started", "failed"], exit_code="3")


def test_block(test):
    rule = {"kind": "schedule", "name": "friday_freeze", "environment": "production", "ends_in_seconds": 3600}
    sandbox(test.url, "rules", rule)
    test.run(f"touch {test.work}/deployed", {"environment": "production"})
    sandbox(test.url, "rules", method="DELETE")
    test.expect("5", ["started"], outcome="blocked", block_code="NO_DEPLOY_WINDOW")
    assert not (test.work / "deployed").exists(), "a blocked deployment ran"
    [annotation] = test.buildkite.annotations
    assert annotation["style"] == "error" and "friday" in annotation["body"], annotation


def test_cancel(test):
    test.run(f"touch {test.work}/cancel-1; sleep 86321", {"environment": "production"}, test.work / "cancel-1")
    assert not running("86321"), "the command is still running"
    assert test.statuses() == ["started", "aborted"], test.statuses()
    assert test.buildkite.metadata.get("VERSIONER_DEPLOYMENT_STATUS") == "aborted", test.buildkite.metadata


def test_cancel_of_a_command_that_ignores_it(test):
    command = f"trap '' TERM; touch {test.work}/cancel-2; sleep 86322; sleep 86323"
    test.run(command, {"environment": "production"}, test.work / "cancel-2")
    assert not running("86322") and not running("86323"), "the command is still running"
    assert test.statuses() == ["started", "aborted"], test.statuses()
    assert test.buildkite.metadata.get("VERSIONER_DEPLOYMENT_STATUS") == "aborted", test.buildkite.metadata
    assert test.buildkite.annotations, "no annotation"


def test_pre_exit_finishes(test):
    command = "versioner track deployment --status started && exit 4"
    test.run(command, {"environment": "staging", "wrap": False, "metadata": '{"team": "web"}'})
    test.expect("4", ["started", "failed"])
    assert sandbox(test.url, "requests")[0]["body"]["extra_metadata"]["team"] == "web"


def test_misspelt_property(test):
    test.run("true", {"enviroment": "production"})
    assert test.buildkite.result["exit_status"] != "0" and test.statuses() == [], test.buildkite.result
    assert "enviroment" in test.buildkite.log


def test_changed_program(test):
    [program] = (test.work / "plugins").glob("**/bin/versioner")
    changed = f"#!/bin/sh\ntouch {test.work}/changed\n"
    program.write_text(changed)
    test.run("true", {"environment": "production"})
    test.expect("0", ["started", "completed"])
    # From here on, the mirror serves it as well.
    for released in pathlib.Path(test.mirror).glob("v*/versioner-*-linux-musl"):
        released.write_text(changed)
    program.unlink()
    test.run("true", {"environment": "production"})
    assert test.buildkite.result["exit_status"] != "0" and test.statuses() == [], test.buildkite.result
    assert "checksum mismatch" in test.buildkite.log and not (test.work / "changed").exists()


TESTS = [
    test_success, test_later_job_reads_the_outputs, test_failure, test_block, test_cancel,
    test_cancel_of_a_command_that_ignores_it, test_pre_exit_finishes, test_misspelt_property,
    test_changed_program,  # Last, as it changes the mirror.
]


def main():
    test = Test(*sys.argv[1:7])
    try:
        for function in TESTS:
            started = time.monotonic()
            try:
                function(test)
            except BaseException:
                print(test.buildkite.log)
                print((test.work / "agent.log").read_text()[-4000:])
                raise
            name = function.__name__.removeprefix("test_").replace("_", " ")
            print(f"buildkite: {name} ({time.monotonic() - started:.1f} s)", flush=True)
    finally:
        test.close()


main()
