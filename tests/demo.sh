#!/bin/sh
# Builds the program and the demo, then runs the demo: `tests/demo.sh [--scene NAME]`.
set -eu

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}

cargo build --quiet --locked --bin versioner
cargo build --quiet --locked --package versioner-demo

exec "${target}/debug/versioner-demo" "${target}/debug/versioner" "$@"
