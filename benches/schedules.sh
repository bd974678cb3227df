#!/usr/bin/env bash
# A daemon with very many schedules: how long until it obeys them, how much memory, and how late those are dispatched that are all
# due at the same instant. The runs do nothing outside (one `log` step), so that what is measured is ours. By hand, never in .ci.
#   benches/schedules.sh [SCHEDULES] [DUE AT ONCE]      STEPLADDER=BINARY measures that one and builds nothing
set -euo pipefail
cd "$(dirname "$0")/.."
count=${1:-100000}
due=${2:-1000}
each=100 # triggers of one runbook
if [ -z "${STEPLADDER:-}" ]; then
    cargo build --release --quiet --locked
    STEPLADDER=$(realpath "${CARGO_TARGET_DIR:-target}/release/stepladder")
fi
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT
mkdir -p "$dir/runbooks"
port=$((20000 + RANDOM % 20000))
printf 'timezone: UTC\nhttp: { listen: "127.0.0.1:%s" }\nkeep: { min_free: 1MiB }\n' "$port" >"$dir/stepladder.yaml"
# What is due at once is due at the start of the minute after next, of all other triggers nothing meanwhile: the leap day.
at=$((($(date +%s) / 60 + 3) * 60))
when=$(date -u -d "@$at" '+%-M %-H %-d %-m')
awk -v count="$count" -v due="$due" -v each="$each" -v when="$when" -v dir="$dir" 'BEGIN {
    books = int((count - due + each - 1) / each)
    for (b = 0; b < books; b++) {
        file = dir "/runbooks/later" b ".yaml"
        printf "runbook: later%d\ntriggers:\n", b > file
        for (t = 0; t < each && b * each + t < count - due; t++)
            printf "  - { id: t%d, cron: \"%d %d 29 2 *\" }\n", t, (b * each + t) % 60, int((b * each + t) / 60) % 24 > file
        print "steps: [ { id: a, log: nothing } ]" > file
        close(file)
    }
    for (b = 0; b < due; b++) {
        file = dir "/runbooks/due" b ".yaml"
        printf "runbook: due%d\ntriggers: [ { id: t, cron: \"%s *\" } ]\nsteps: [ { id: a, log: nothing } ]\n", b, when > file
        close(file)
    }
}'
begin=$(date +%s%N)
"$STEPLADDER" --book "$dir" serve 2>"$dir/log" &
pid=$!
until grep -q 'are obeyed' "$dir/log"; do
    kill -0 "$pid" || { cat "$dir/log" >&2; exit 1; }
    sleep 0.01
done
first=$((($(date +%s%N) - begin) / 1000000))
sleep 3
memory() { awk '/VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$pid/status"; }
fresh=$(memory)
kill "$pid"; wait "$pid" 2>/dev/null || true
# Started again with everything known: what an operator waits for at a restart.
: >"$dir/log"
begin=$(date +%s%N)
"$STEPLADDER" --book "$dir" serve 2>"$dir/log" &
pid=$!
until grep -q 'are obeyed' "$dir/log"; do sleep 0.01; done
again=$((($(date +%s%N) - begin) / 1000000))
token=$("$STEPLADDER" --book "$dir" token create bench --role viewer 2>/dev/null)
page() { curl -sf -H "Authorization: Bearer $token" "http://127.0.0.1:$port/metrics"; }
[ "$(date +%s)" -lt "$at" ] || { echo "it took so long to begin that the minute has passed" >&2; exit 1; }
until [ "$(date +%s)" -ge $((at + 10)) ]; do sleep 0.5; done
page >"$dir/page"
printf '%s schedules in %s runbooks: obeyed after %s ms at the first start, %s ms when started again\n' \
    "$count" "$(find "$dir/runbooks" -name '*.yaml' | wc -l)" "$first" "$again"
printf '%s MiB resident after the first start, %s MiB after the runs\n' "$fresh" "$(memory)"
awk -v due="$due" '
    /^stepladder_fires_total\{fate="ran"\}/ { ran = $2 }
    /^stepladder_fire_lateness_seconds_bucket/ {
        split($0, part, "\""); le = part[2]
        if (!p50 && $2 >= due * 0.5) p50 = le
        if (!p99 && $2 >= due * 0.99) p99 = le
        if (!all && $2 >= due) all = le
    }
    /^stepladder_runs_ended_total\{outcome="succeeded"\}/ { ended = $2 }
    END { printf "%d due at once: %d started, %d ended; late by at most %s s (half), %s s (99 %%), %s s (all)\n", due, ran, ended, p50, p99, all }
' "$dir/page"
