#!/usr/bin/env bash
# `check` over a book of many runbooks: how long, how much of it on one core, how much memory. By hand, never in .ci.
#   benches/check.sh [RUNBOOKS] [ROUNDS]      KEEP=DIR leaves the book there
set -euo pipefail
cd "$(dirname "$0")/.."
count=${1:-1000}
rounds=${2:-5}
cargo build --release --quiet --locked
steps=$(realpath "${CARGO_TARGET_DIR:-target}/release/stepladder")
dir=${KEEP:-$(mktemp -d)}
[ -n "${KEEP:-}" ] || trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/runbooks"

cat >"$dir/stepladder.yaml" <<'YAML'
timezone: Europe/Moscow
channels: { slack: { webhook: "{{ secrets.SLACK_WEBHOOK }}" } }
roots: { reports: reports }
dead_man: { url: "https://watcher.example/ping", every: 1m }
YAML
cp thresholds.yaml "$dir/thresholds.yaml"
cat >"$dir/escalation.yaml" <<'YAML'
severities: { P2: { title: High, respond_within: 1h, climb: { 1: 0m }, reach: { at_once: [email] } } }
levels: { 1: { name: On call, page: [on_call.platform] } }
contacts: { ann: { name: Ann, email: ann@company.com } }
on_call: { platform: { since: 2026-11-23, handoff: "mon 09:00", members: [ann] } }
routes: [ { match: {}, severity: P2, owner: platform } ]
catch_all: [ann]
YAML

runbook() { # NUMBER: sixty lines of what a team writes, several kinds, conditions, templates, measures, handlers
    cat <<YAML
runbook: watch-$1
title: Watch number $1
description: |
  Looks at one service and tells the team what it found.
  **warning**: look in working hours. **critical**: look now.
owner: platform
labels: { component: service$1 }
triggers:
  - { cron: "$(($1 % 60)) 6 * * *", missed: latest, within: 6h }
inputs:
  base_url: { type: url, default: "http://localhost:8000" }
  tries:    { type: integer, min: 1, max: 10, default: 3 }
  target:   { type: choice, options: [staging, production], default: staging }
  log:      { type: text, default: logs/service$1.log }
vars: { patience: inputs.tries * 2 + $1 }
incident: { open: { failed: P2, critical: P2 }, type: api }
timeout: 30m
defaults: { timeout: 15s }
steps:
  - id: health
    title: The service says it is healthy
    needs: []
    http: { get: "{{ inputs.base_url }}/health", expect: [ { status: 2xx }, { json: { status: healthy }, level: warning } ] }
    retry: { attempts: 2, backoff: 500ms..5s }
    measure: { health_latency: { value: output.latency_ms, unit: ms } }
    on_error:
      - { id: health_hint, log: "No good answer from {{ inputs.base_url }}/health: is it running?" }
  - id: machine
    title: Disks, memory and processors
    needs: []
    system: { sample: 1s }
    measure:
      disk_used: { each: output.disks, value: it.used_percent, unit: "%", labels: { mount: "{{ it.mount }}" } }
      cpu_used:  { value: output.cpu.used_percent, unit: "%" }
  - id: log_errors
    needs: []
    logs: { files: "{{ inputs.log }}", since: 24h, last: 10 }
    measure: { log_errors: output.counts.errors }
  - id: deploy
    when: steps.health.ok && inputs.target == "production" && steps.health.output.latency_ms < 500
    shell: 'printf "%s\n" {{ inputs.target }} "run {{ run.id }}" && test {{ vars.patience }} -gt 1'
    env: { TARGET: "{{ inputs.target }}", TRIES: "{{ inputs.tries }}" }
    output: lines
  - id: port
    after: [deploy]
    foreach: [8000, 8001, 8002]
    as: port
    tcp: "localhost:{{ port }}"
    allow_failure: warning
  - id: group
    after: all
    when: level >= warning
    steps:
      - { id: note, log: "{{ run.title }}: {{ level }}, health {{ steps.health.outcome }}" }
      - { id: pause, wait: 5s }
  - id: tell
    after: all
    when: level >= warning
    notify: { channel: "slack:#alerts", message: "{{ run.title }}: {{ level }} {{#if steps.health.ok}}{{ steps.health.output.latency_ms }} ms{{else}}down{{/if}}" }
finally:
  - { id: tidy, shell: 'rm -rf "\$RUN_DIR/tmp"' }
YAML
}
for number in $(seq "$count"); do runbook "$number" >"$dir/runbooks/watch-$number.yaml"; done
lines=$(cat "$dir"/runbooks/*.yaml | wc -l)

printf '%d runbooks of %d lines, best and median of %d\n' "$count" $((lines / count)) "$rounds"
printf '%-10s %10s %10s %10s %10s\n' cores best median user memory
for cores in 0 0,1; do
    for _ in $(seq "$rounds"); do
        taskset -c "$cores" env time -f '%e %U %M' "$steps" --book "$dir" check 2>&1 >"$dir/told.$cores" | tail -1
    done | sort -n | awk -v cores="$(awk -F, '{ print NF }' <<<"$cores")" '
        { wall[NR] = $1; user = $2 + user; if ($3 > most) most = $3 }
        END { printf "%-10s %7.2f s  %7.2f s  %7.2f s  %6.1f MiB\n", cores, wall[1], wall[int((NR + 1) / 2)], user / NR, most / 1024 }'
done
cmp "$dir/told.0" "$dir/told.0,1" && printf 'both tell the same: %s\n' "$(tail -1 "$dir/told.0")"
