#!/usr/bin/env bash
# Every measurement of whole processes, into docs/performance.md: no figure in it is typed by hand. By hand, never in .ci; takes
# a few minutes after the release build, and wants a machine that does nothing else. `cargo bench` has those of the journal.
#   benches/all.sh
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet --locked
page=docs/performance.md
section() { # TITLE COMMAND...
    printf '\n## %s\n`%s`\n\n' "$1" "${*:2}"
    "${@:2}" 2>/dev/null
}
fenced() { printf '```text\n'; "$@" 2>/dev/null; printf '```\n'; }
{
    printf '# Performance\n\nMade by `benches/all.sh`; never edited. Ratios are of medians taken turn about in one sitting: on a machine that others use they\n'
    printf 'say more than milliseconds.\n\n'
    printf '%s, %s processors, %s GiB, Linux %s, %s, %s, %s.\n' \
        "$(date -u +%F)" "$(nproc)" "$(awk '/MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)" "$(uname -r)" \
        "$(target/release/stepladder --version)" "$(rustc --version | cut -d' ' -f1,2)" "$(make --version | head -1)"
    section 'Whole processes against make' benches/compare.sh 9
    section 'Checking a book of a thousand runbooks' fenced benches/check.sh 1000 5
    section 'Testing a book of a thousand tests' fenced benches/test.sh 1000 3
    section 'A daemon with a thousand schedules and nothing to do' fenced benches/idle.sh 1000 30
    section 'A hundred thousand schedules, a thousand due at once' fenced benches/schedules.sh 100000 1000
    section 'The API beside a hundred thousand runs' fenced benches/api.sh 100000 30
    section 'Pages of a daemon with a thousand incidents open, and with ten thousand' fenced benches/pages.sh 1000 10000
} >"$page.new"
mv "$page.new" "$page"
cat "$page"
