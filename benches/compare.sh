#!/usr/bin/env bash
# Whole processes against make, one after the other on the same machine: read the ratios. By hand, never in .ci.
#   benches/compare.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5}
cargo build --release --quiet
steps=$(realpath "${CARGO_TARGET_DIR:-target}/release/stepladder")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/runbooks"
printf 'timezone: UTC\n' >"$dir/stepladder.yaml"

book() { # NAME HEAD COUNT
    { printf 'runbook: %s\n%ssteps:\n' "$1" "$2"; for i in $(seq "$3"); do printf '  - { id: s%s, exec: ["true"] }\n' "$i"; done; } >"$dir/runbooks/$1.yaml"
}
book one '' 1
book chain '' 100
book fan $'parallel: 64\n' 200
{ printf 'all: s100\ns0:\n'; for i in $(seq 100); do printf 's%s: s%s\n\t@true\n' "$i" "$((i - 1))"; done; } >"$dir/chain.mk"
{ printf 'all:'; printf ' s%s' $(seq 200); printf '\n'; for i in $(seq 200); do printf 's%s:\n\t@true\n' "$i"; done; } >"$dir/fan.mk"
printf 'all:\n\t@true\n' >"$dir/one.mk"

median() { # COMMAND... -> milliseconds
    for _ in $(seq "$rounds"); do
        local start
        start=$(date +%s%N)
        "$@" >/dev/null 2>&1
        echo $((($(date +%s%N) - start) / 10000))
    done | sort -n | awk '{ all[NR] = $1 } END { printf "%.2f", all[int((NR + 1) / 2)] / 100 }'
}
run() { rm -rf "$dir/.stepladder"; "$steps" --book "$dir" run "$1"; }

printf '%-22s %10s %10s %8s\n' what stepladder make ratio
for what in one chain fan; do
    ours=$(median run "$what")
    theirs=$(median make -s -j64 -f "$dir/$what.mk")
    printf '%-22s %7s ms %7s ms %8s\n' "$what" "$ours" "$theirs" "$(awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.1f", a / b }')"
done
rm -rf "$dir/.stepladder"
awk '/VmHWM/ { printf "%-22s %7.1f MiB\n", "most memory, one step", $2 / 1024 }' < <(
    "$steps" --book "$dir" run one --json >/dev/null 2>&1 & pid=$!
    while kill -0 "$pid" 2>/dev/null; do grep VmHWM "/proc/$pid/status" 2>/dev/null || true; done | sort -k2 -n | tail -1
)
printf '%-22s %7.1f MiB\n' 'release binary' "$(stat -c %s "$steps" | awk '{ print $1 / 1048576 }')"
