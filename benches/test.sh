#!/usr/bin/env bash
# `test` over a book of many tests: how long, how much of it on one core. By hand, never in .ci.
#   benches/test.sh [TESTS] [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
count=${1:-1000}
rounds=${2:-5}
cargo build --release --quiet --locked
steps=$(realpath "${CARGO_TARGET_DIR:-target}/release/stepladder")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/runbooks" "$dir/tests"
echo 'timezone: UTC' >"$dir/stepladder.yaml"
cat >"$dir/runbooks/three.yaml" <<'YAML'
runbook: three
steps:
  - { id: one, shell: "true" }
  - { id: two, http: "http://localhost/", retry: { attempts: 2, backoff: 1s } }
  - { id: tell, when: steps.two.ok, notify: { channel: terminal, message: "{{ run.title }} is {{ level }}" } }
YAML
{
    echo 'defaults: { runbook: three, given: { steps: { one: ok, two: ok } } }'
    for n in $(seq "$count"); do
        echo "---"
        echo "test: number $n"
        echo "given: { steps: { two: [ { fails: no }, { takes: ${n}s } ] } }"
        echo "expect: { outcome: succeeded, ran: [one, two, tell] }"
    done
} >"$dir/tests/three.yaml"
for _ in $(seq "$rounds"); do
    "$steps" --book "$dir" test | tail -1
done
echo "on one core:"
taskset -c 0 "$steps" --book "$dir" test | tail -1
