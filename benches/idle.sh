#!/usr/bin/env bash
# A daemon with many schedules and nothing to do: how much of a core, how much memory. By hand, never in .ci.
#   benches/idle.sh [SCHEDULES] [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
count=${1:-1000}
seconds=${2:-30}
cargo build --release --quiet --locked
steps=$(realpath "${CARGO_TARGET_DIR:-target}/release/stepladder")
dir=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT
mkdir -p "$dir/runbooks"
printf 'timezone: UTC\n' >"$dir/stepladder.yaml"
for i in $(seq "$count"); do
    # The leap day: nothing is due meanwhile.
    printf 'runbook: r%s\ntriggers: [ { id: a, cron: "%s %s 29 2 *" } ]\nsteps: [ { id: a, exec: ["true"] } ]\n' \
        "$i" $((i % 60)) $((i % 24)) >"$dir/runbooks/r$i.yaml"
done
"$steps" --book "$dir" serve 2>"$dir/log" &
pid=$!
until grep -q 'are obeyed' "$dir/log"; do sleep 0.1; done
sleep 5
ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
before=$(ticks)
sleep "$seconds"
after=$(ticks)
awk -v n="$count" -v t=$((after - before)) -v s="$seconds" -v hz="$(getconf CLK_TCK)" \
    'BEGIN { printf "%d schedules, idle for %d s: %.2f %% of a core\n", n, s, 100 * t / hz / s }'
awk '/VmRSS/ { printf "%.1f MiB resident\n", $2 / 1024 }' "/proc/$pid/status"
