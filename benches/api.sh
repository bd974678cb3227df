#!/usr/bin/env bash
# The API of a daemon with many runs stored, under a steady load of looks beside live streams; and how long a webhook waits until its
# call is durable. Wants `hey` (Debian: hey). By hand, never in .ci.
#   benches/api.sh [RUNS STORED] [SECONDS]      STEPLADDER=BINARY measures that one and builds nothing
set -euo pipefail
cd "$(dirname "$0")/.."
count=${1:-100000}
seconds=${2:-30}
streams=50
if [ -z "${STEPLADDER:-}" ]; then
    cargo build --release --quiet --locked
    STEPLADDER=$(realpath "${CARGO_TARGET_DIR:-target}/release/stepladder")
fi
command -v hey >/dev/null || { echo "hey is not installed: apt-get install hey" >&2; exit 1; }
dir=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; wait 2>/dev/null || true; rm -rf "$dir"' EXIT
mkdir -p "$dir/runbooks"
port=$((20000 + RANDOM % 20000))
url="http://127.0.0.1:$port"
printf 'timezone: UTC\nhttp: { listen: "127.0.0.1:%s" }\nkeep: { min_free: 1MiB, runs: 1000000 }\nsecrets: [ { file: secrets.yaml } ]\n' "$port" >"$dir/stepladder.yaml"
printf 'HOOK: hook-token\n' >"$dir/secrets.yaml"
chmod 600 "$dir/secrets.yaml"
printf 'runbook: noop\nsteps: [ { id: a, log: nothing } ]\n' >"$dir/runbooks/noop.yaml"
printf 'runbook: waits\nsteps: [ { id: a, wait: 1h } ]\n' >"$dir/runbooks/waits.yaml"
printf 'runbook: called\ntriggers: [ { id: h, overlap: allow, webhook: { path: hook, verify: { token: HOOK } } } ]\nsecrets: [HOOK]\nsteps: [ { id: a, log: nothing } ]\n' \
    >"$dir/runbooks/called.yaml"
STEPLADDER_LOG=error "$STEPLADDER" --book "$dir" serve 2>"$dir/log" &
pids+=($!)
daemon=$!
until curl -sf "$url/readyz" >/dev/null; do sleep 0.05; done
token=$("$STEPLADDER" --book "$dir" token create bench --role operator 2>/dev/null)
auth="Authorization: Bearer $token"
# The runs that are stored, started over the API as anybody would.
begin=$(date +%s%N)
hey -n "$count" -c 32 -m POST -H "$auth" -d '{"runbook":"noop"}' "$url/api/v1/runs" >"$dir/start"
took=$((($(date +%s%N) - begin) / 1000000))
stored=$(grep -oE '\[201\]\s+[0-9]+' "$dir/start" | awk '{ print $2 }')
printf '%s runs started and stored in %s s, 32 at a time\n' "$stored" $((took / 1000))
last=$(curl -sf -H "$auth" "$url/api/v1/runs?limit=1" | grep -oE '"run":"[^"]+"' | head -1 | cut -d'"' -f4)
for _ in $(seq "$streams"); do
    run=$(curl -sf -X POST -H "$auth" -d '{"runbook":"waits"}' "$url/api/v1/runs" | grep -oE '"run":"[^"]+"' | head -1 | cut -d'"' -f4)
    curl -sN -H "$auth" -H 'Accept: text/event-stream' "$url/api/v1/runs/$run/events" >/dev/null &
    pids+=($!)
done
sleep 2
# 200 looks a second: four kinds, five at a time each, ten a second each of these.
paths=("/api/v1/runs?limit=50" "/api/v1/runs/$last" "/api/v1/runs?runbook=noop&outcome=failed&limit=50" "/api/v1/schedules")
hey_pids=()
for nth in "${!paths[@]}"; do
    hey -z "${seconds}s" -c 5 -q 10 -H "$auth" "$url${paths[$nth]}" >"$dir/look$nth" &
    hey_pids+=($!)
done
for pid in "${hey_pids[@]}"; do wait "$pid"; done
percentile() { grep -E "^ +$2%+ in " "$1" | awk '{ printf "%.1f", $3 * 1000 }'; }
rate() { awk '/Requests\/sec/ { printf "%.0f", $2 }' "$1"; }
total=0
for nth in "${!paths[@]}"; do
    printf '%-58s %4s/s   p50 %5s ms   p95 %5s ms   p99 %5s ms\n' "GET ${paths[$nth]/$last/RUN}" "$(rate "$dir/look$nth")" \
        "$(percentile "$dir/look$nth" 50)" "$(percentile "$dir/look$nth" 95)" "$(percentile "$dir/look$nth" 99)"
    total=$((total + $(rate "$dir/look$nth")))
done
printf '%s looks a second beside %s live streams, %s runs stored\n' "$total" "$streams" "$stored"
# Calls that are durable when they are answered: at most sixty of them start a run within a minute, the rest have their row alone.
hey -n 3000 -c 8 -q 25 -m POST -H 'Authorization: Bearer hook-token' -d '{}' "$url/hooks/hook" >"$dir/hook"
printf '%-58s %4s/s   p50 %5s ms   p95 %5s ms   p99 %5s ms   (%s answered 202)\n' "POST /hooks/hook" "$(rate "$dir/hook")" \
    "$(percentile "$dir/hook" 50)" "$(percentile "$dir/hook" 95)" "$(percentile "$dir/hook" 99)" "$(grep -oE '\[202\]\s+[0-9]+' "$dir/hook" | awk '{ print $2 }')"
awk '/VmRSS/ { printf "%.0f MiB resident\n", $2 / 1024 }' "/proc/$daemon/status"
