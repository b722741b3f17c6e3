#!/usr/bin/env python3
"""Extracts the operations that `versioner` uses from GitHub's OpenAPI description, for the sandbox.

Usage: npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
       python3 tests/sandbox/github_openapi.py package/generated/api.github.com.deref.json
"""

import json
import pathlib
import sys

REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = [
    ("get", REPOSITORY),
    ("get", REPOSITORY + "/actions/workflows/{workflow_id}/runs"),
    ("get", REPOSITORY + "/actions/runs/{run_id}"),
    ("get", REPOSITORY + "/actions/runs/{run_id}/jobs"),
    ("get", REPOSITORY + "/actions/runs/{run_id}/attempts/{attempt_number}/jobs"),
    ("get", REPOSITORY + "/check-runs/{check_run_id}/annotations"),
    ("post", REPOSITORY + "/actions/jobs/{job_id}/rerun"),
    ("post", REPOSITORY + "/actions/runs/{run_id}/rerun-failed-jobs"),
]


def shape(schema):
    """The required properties and their types, two levels deep."""
    if schema.get("type") == "array":
        return {"items": shape(schema["items"])}
    out = {}
    for name in schema.get("required", []):
        property_ = schema["properties"][name]
        if property_.get("type") == "array" and "properties" in property_["items"]:
            out[name] = [shape(property_["items"])]
        else:
            out[name] = "null" if property_.get("nullable") else property_.get("type", "object")
    return out


def main():
    description = json.loads(pathlib.Path(sys.argv[1]).read_text())
    operations = []
    for method, path in OPERATIONS:
        operation = description["paths"][path][method]
        parameters = [
            {"name": p["name"], "in": p["in"], "type": p["schema"].get("type", "string"), "enum": p["schema"].get("enum")}
            for p in operation["parameters"]
        ]
        success = next(code for code in operation["responses"] if code.startswith("2"))
        reply = operation["responses"][success]["content"]["application/json"]["schema"]
        operations.append(
            {
                "method": method.upper(),
                "path": path,
                "parameters": parameters,
                "status": int(success),
                "reply": shape(reply),
            }
        )
    target = pathlib.Path(__file__).with_name("github-openapi.json")
    target.write_text(json.dumps({"version": description["info"]["version"], "operations": operations}, indent=1) + "\n")


main()
