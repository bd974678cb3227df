#!/usr/bin/env bash
# Pages of a daemon with many incidents: how late they are while one provider does not answer and another wants nothing; how
# soon what is overdue goes out after a restart; whether ten thousand incidents at once hold. By hand, never in .ci.
#   benches/pages.sh [INCIDENTS] [MANY]
# STEPLADDER names another binary than the release build.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${STEPLADDER:-}" ]; then
    cargo build --release --quiet --locked
    STEPLADDER=$(realpath "${CARGO_TARGET_DIR:-target}/release/stepladder")
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
timeout 900 python3 benches/pages.py "$STEPLADDER" "$dir" "${1:-1000}" "${2:-10000}"
