#!/usr/bin/env bash
# Whole processes against make, turn about on the same machine: read the ratios. By hand, never in .ci.
#   benches/compare.sh [ROUNDS]
# Each run gets a data directory that was never there: ext4 is slow to reuse names that have just gone.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-9}
cargo build --release --quiet --locked
steps=$(realpath "${CARGO_TARGET_DIR:-target}/release/stepladder")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

book() { # NAME HEAD STEP COUNT
    mkdir -p "$dir/$1/runbooks"
    printf 'timezone: UTC\n' >"$dir/$1/stepladder.yaml"
    { printf 'runbook: %s\n%ssteps:\n' "$1" "$2"; for i in $(seq "$4"); do printf '  - { id: s%s, %s }\n' "$i" "$3"; done; } >"$dir/$1/runbooks/$1.yaml"
}
book noop '' 'log: done' 1
book one '' 'shell: "true"' 1
book chain '' 'shell: "true"' 100
book fan $'parallel: 64\n' 'shell: "true"' 200
printf 'all:\n\t@sh -c true\n' >"$dir/one.mk"
{ printf 'all: s100\ns0:\n'; for i in $(seq 100); do printf 's%s: s%s\n\t@sh -c true\n' "$i" "$((i - 1))"; done; } >"$dir/chain.mk"
{ printf 'all:'; printf ' s%s' $(seq 200); printf '\n'; for i in $(seq 200); do printf 's%s:\n\t@sh -c true\n' "$i"; done; } >"$dir/fan.mk"
cp "$dir/one.mk" "$dir/noop.mk"

timed() { # COMMAND... -> hundredths of a millisecond
    local start
    start=$(date +%s%N)
    "$@" >/dev/null 2>&1
    echo $((($(date +%s%N) - start) / 10000))
}
ours() { # BOOK
    timed "$steps" --book "$dir/$1" run "$1"
    mv "$dir/$1/.stepladder" "$dir/$1/old.$RANDOM$RANDOM"
}
median() { sort -n | awk '{ all[NR] = $1 } END { printf "%.2f", all[int((NR + 1) / 2)] / 100 }'; }

printf '| work, durable | stepladder | make -j2 | ratio |\n|---|---|---|---|\n'
for what in noop one chain fan; do
    : >"$dir/mine"
    : >"$dir/theirs"
    for _ in $(seq "$rounds"); do
        ours "$what" >>"$dir/mine"
        timed make -s -j2 -f "$dir/$what.mk" >>"$dir/theirs"
    done
    case $what in
        noop) name='one step that does nothing, cold' ;;
        one) name='one `sh -c true`, cold' ;;
        chain) name='chain of 100 `sh -c true`' ;;
        fan) name='200 `sh -c true`, 64 wide' ;;
    esac
    mine=$(median <"$dir/mine")
    theirs=$(median <"$dir/theirs")
    printf '| %s | %s ms | %s ms | %s |\n' "$name" "$mine" "$theirs" "$(awk -v a="$mine" -v b="$theirs" 'BEGIN { printf "%.2f", a / b }')"
done
most=$("$steps" --book "$dir/noop" run noop --json >/dev/null 2>&1 & pid=$!
    while kill -0 "$pid" 2>/dev/null; do awk '/VmHWM/ { print $2 }' "/proc/$pid/status" 2>/dev/null || true; done | sort -n | tail -1)
awk -v most="$most" 'BEGIN { printf "\nMost memory of the run of one step: %.1f MiB.", most / 1024 }'
awk -v size="$(stat -c %s "$steps")" 'BEGIN { printf " Release binary: %.1f MiB.\n", size / 1048576 }'
