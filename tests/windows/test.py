#!/usr/bin/env python3
"""Runs the program for Windows under Wine: `test.py WINE PROGRAM WORK URL KEY`. URL and KEY are those of the sandbox."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.request

LIMIT = 60  # Seconds for one call.


class Windows:
    def __init__(self, wine, program, work, url, key):
        self.wine, self.program, self.work, self.url, self.key = wine, program, pathlib.Path(work), url, key
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.state = self.work / "spool dir"
        self.job = 0

    def path(self, path):
        """The path as Windows programs see it."""
        return "Z:" + str(path).replace("/", "\\")

    def environment(self, **variables):
        base = {
            "PATH": os.environ["PATH"], "HOME": str(self.work), "WINEPREFIX": str(self.work / "prefix"), "WINEDEBUG": "-all",
            "GITLAB_CI": "true", "CI_JOB_ID": str(self.job), "CI_PROJECT_ID": "1", "VERSIONER_API_URL": self.url,
            "VERSIONER_API_KEY": self.key, "VERSIONER_SPOOL_DIR": self.path(self.state), "VERSIONER_PRODUCT_NAME": "shop",
            "VERSIONER_VERSION": "1.4.2", "VERSIONER_ENVIRONMENT": "production", "VERSIONER_RETRIES": "0",
        }
        merged = {**base, **variables}
        return {name: value for name, value in merged.items() if value is not None}

    def start(self, *arguments, **variables):
        return subprocess.Popen(
            [self.wine, self.program, *arguments], env=self.environment(**variables), cwd=self.work, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        )

    def call(self, *arguments, **variables):
        process = self.start(*arguments, **variables)
        try:
            self.printed, _ = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return process.returncode

    def sandbox(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", data, headers, method=method)
        with urllib.request.urlopen(request) as reply:
            text = reply.read()
            return json.loads(text) if text else None

    def events(self):
        return [request["body"] for request in self.sandbox("requests")]

    def statuses(self):
        return [event["status"] for event in self.events()]

    def reset(self):
        self.sandbox("reset", {})
        self.job += 1
        shutil.rmtree(self.state, ignore_errors=True)
        self.printed = ""

    def wait_for(self, what, condition):
        deadline = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < deadline, f"not within {LIMIT} s: {what}"
            time.sleep(0.1)


def expect(found, wanted):
    assert found == wanted, f"{found}, not {wanted}"


def test_event(windows):
    expect(windows.call("track", "deployment", "--status", "success"), 0)
    expect(windows.statuses(), ["completed"])
    expect(windows.events()[0]["source_system"], "gitlab")


def test_key_file_with_windows_line_ends_and_outputs(windows):
    key, outputs = windows.work / "a key.txt", windows.work / "outputs.env"
    key.write_bytes(windows.key.encode() + b"\r\n")
    arguments = ["track", "build", "--api-key-file", windows.path(key), "--output-file", windows.path(outputs)]
    expect(windows.call(*arguments, VERSIONER_API_KEY=None), 0)
    assert b"VERSIONER_OUTCOME=recorded\n" in outputs.read_bytes() and b"\r" not in outputs.read_bytes()
    assert windows.events()[0]["product_name"] == "shop", windows.events()


def test_wait(windows):
    windows.sandbox("rules", {"kind": "schedule", "name": "freeze", "environment": "production", "ends_in_seconds": 3})
    expect(windows.call("track", "deployment", "--status", "started", "--on-block", "wait"), 0)
    expect(windows.statuses(), ["started", "started"])


def test_block(windows):
    windows.sandbox("rules", {"kind": "schedule", "name": "freeze", "environment": "production", "ends_in_seconds": 3600})
    expect(windows.call("run", "--", "cmd", "/c", "echo deployed>deployed.txt"), 5)
    expect((windows.statuses(), (windows.work / "deployed.txt").exists()), (["started"], False))


def test_run_keeps_the_exit_code(windows):
    expect(windows.call("run", "--", "cmd", "/c", "exit 7"), 7)
    expect(windows.statuses(), ["started", "failed"])
    expect(windows.events()[1]["extra_metadata"]["exit_code"], 7)
    expect(windows.call("run", "--", "cmd", "/c", "echo key: %VERSIONER_API_KEY%"), 0)
    assert "key: %VERSIONER_API_KEY%" in windows.printed, "the command has the API key"


def test_finish(windows):
    expect(windows.call("track", "deployment", "--status", "started"), 0)
    [entry] = (windows.state / "open").glob("*.json")
    assert json.loads(entry.read_text())["record"]["payload"]["product_name"] == "shop"
    expect(windows.call("finish", "--status", "canceled"), 0)
    expect(windows.statuses(), ["started", "aborted"])
    expect(list((windows.state / "open").glob("*.json")), [])


def test_spool(windows):
    nowhere = "http://127.0.0.1:9"
    arguments = ["track", "deployment", "--status", "success", "--fail-on-api-error=false"]
    # Spooled events are bound to the URL, so the sandbox fails instead of being somewhere else.
    windows.sandbox("script", [{"status": 503}])
    expect(windows.call(*arguments), 0)
    [entry] = (windows.state / "spool").glob("*.json")
    expect(json.loads(entry.read_text())["record"]["payload"]["status"], "completed")
    expect(windows.call("flush"), 0)
    expect(list((windows.state / "spool").glob("*.json")), [])
    expect(windows.statuses(), ["completed", "completed"])
    expect(windows.call(*arguments[:-1], VERSIONER_API_URL=nowhere), 1)


def test_killed_run_ends_what_the_command_started(windows):
    """The command is a waiting `versioner` that cmd starts in the background, and cmd then waits itself."""
    windows.sandbox("rules", {"kind": "approval", "name": "two eyes", "environment": "staging", "required": 1})
    wait = [windows.path(windows.program), "track", "deployment", "--environment", "staging", "--status", "started",
            "--on-block", "wait", "--poll-interval", "1s", "--api-key", windows.key]
    process = windows.start("run", "--", "cmd", "/c", "start", "/b", "/wait", *wait)
    windows.wait_for("polls of the command", lambda: windows.statuses().count("started") >= 3)
    process.kill()
    process.communicate(timeout=LIMIT)
    # Whatever was on its way arrives, and then nothing more does.
    time.sleep(2)
    polls = len(windows.statuses())
    time.sleep(4)
    expect(len(windows.statuses()), polls)


TESTS = [
    test_event, test_key_file_with_windows_line_ends_and_outputs, test_wait, test_block, test_run_keeps_the_exit_code,
    test_finish, test_spool, test_killed_run_ends_what_the_command_started,
]


def main():
    windows = Windows(*sys.argv[1:6])
    for function in TESTS:
        started = time.monotonic()
        windows.reset()
        try:
            function(windows)
        except BaseException:
            print(windows.printed)
            raise
        name = function.__name__.removeprefix("test_").replace("_", " ")
        print(f"windows: {name} ({time.monotonic() - started:.1f} s)", flush=True)


main()
