#!/bin/sh
# Builds the program and the demo, then runs the demo, which shows what users see on GitHub.
set -eu

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}

cargo build --quiet --locked --bin versioner
cargo build --quiet --locked --package versioner-demo

directory=$(mktemp -d)
trap 'rm -rf -- "${directory}"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"${target}/debug/versioner-demo" "${target}/debug/versioner" "${directory}"
