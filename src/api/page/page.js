// The daemon's own page: what stands, what was measured, what runs. A client of the API like any other; it has no way of its own.
// Everything that comes from the API is put in as text, never as markup.
"use strict";

// Milliseconds between two looks, and until an answer is given up.
const EVERY = 5000;
const SELDOM = 30000;
const PATIENCE = 10000;
const BIN = 300e3;
const HOURS = 24;
// Bytes of an output that are shown: its end.
const TAIL = 20000;

/** An element with properties and children; children are elements or text. */
function h(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** The same for drawings. */
function s(name, properties, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(properties || {})) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const main = document.querySelector("main");
let token = sessionStorage.getItem("token") || "";
let timer = 0;
let shown = null;
let asking = 0;

class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Asks the API; what is refused says why. */
async function ask(path, body) {
  const request = { headers: { authorization: `Bearer ${token}` }, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) };
  if (body !== undefined) {
    request.method = "POST";
    request.body = JSON.stringify(body);
    request.signal = AbortSignal.timeout(4 * PATIENCE);
    request.headers["content-type"] = "application/json";
    request.headers["idempotency-key"] = crypto.getRandomValues(new Uint32Array(4)).join("-");
  }
  let answer, text;
  try {
    answer = await fetch(path, request);
    text = await answer.text();
  } catch (error) {
    throw new Error(`The daemon does not answer: what stands here is old. (${error.message})`);
  }
  if (answer.ok || (answer.status === 503 && path.startsWith("/health"))) {
    return text && (answer.headers.get("content-type") || "").includes("json") ? JSON.parse(text) : text;
  }
  let detail = text;
  try {
    detail = JSON.parse(text).detail || text;
  } catch {
    // Not ours: a proxy, perhaps.
  }
  throw new Refused(answer.status, detail || `the daemon answered ${answer.status}`);
}

// Words

// What is empty is not sent.
const list = (value) => value || [];
const part = encodeURIComponent;
const short = (id) => id.slice(-6);

function length(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`;
  return `${Math.floor(seconds / 86400)}d ${Math.floor((seconds % 86400) / 3600)}h`;
}

function ago(at) {
  const seconds = (Date.now() - Date.parse(at)) / 1000;
  const words = seconds < 0 ? `in ${length(-seconds)}` : `${length(seconds)} ago`;
  return h("time", { datetime: at, title: new Date(at).toLocaleString() }, words);
}

function figure(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 2 : 4;
  return `${Number(value.toFixed(digits))}${unit ? ` ${unit}` : ""}`;
}

const TONES = {
  ok: "good", healthy: "good", succeeded: "good", recovered: "good", resolved: "good",
  notice: "notice", pending: "notice", acknowledged: "notice", running: "notice",
  warning: "warning", degraded: "warning", cancelled: "warning", waiting: "warning", queued: "warning",
  critical: "bad", unhealthy: "bad", failed: "bad", firing: "bad", triggered: "bad", stranded: "bad", quarantined: "bad",
};
const word = (text) => h("span", { class: TONES[text] || "" }, text);

function table(head, rows, none) {
  if (rows.length === 0) return h("p", { class: "dim" }, none);
  return h("table", {}, h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, ...[cell].flat()))))));
}

const section = (title, ...children) => h("section", { "aria-label": title }, h("h2", {}, title), ...children);
const link = (to, text) => h("a", { href: `#${to}` }, text);

/** A button that does something and then shows what has become of it. */
function act(text, deed, sure) {
  const button = h("button", { type: "button" }, text);
  button.addEventListener("click", async () => {
    if (sure && !confirm(sure)) return;
    button.disabled = true;
    try {
      await deed();
      shown = null;
      await show();
    } catch (error) {
      tell(error);
      button.disabled = false;
    }
  });
  return button;
}

// What stands

async function now() {
  const [status, health, incidents, alerts, approvals] = await Promise.all([
    ask("/api/v1/status"), ask("/health/detailed"), ask("/api/v1/incidents?all=false&limit=50"), ask("/api/v1/alerts"),
    ask("/api/v1/approvals"),
  ]);
  const components = Object.values(health.components || {});
  const firing = alerts.filter((alert) => alert.state !== "over");
  return [
    section("Open incidents", incidentTable(incidents)),
    section("Alerts", table(["state", "severity", "title", "since", "value"], firing.map((alert) => [
      word(alert.state), alert.severity || "–", alert.title, ago(alert.since), figure(alert.value),
    ]), "No alert fires.")),
    section("Waiting for a yes", table(["runbook", "message", "who may", "since", ""], approvals.map((wanted) => [
      link(`runs/${wanted.run}`, wanted.runbook), wanted.message, list(wanted.by).join(", "), ago(wanted.since),
      wanted.why_not || list(wanted.fields).length > 0
        ? h("span", { class: "dim" }, wanted.why_not || "it asks for fields: `stepladder approve`")
        : [vote(wanted, true), " ", vote(wanted, false)],
    ]), "Nothing waits for anybody's yes.")),
    section("Runs that have not ended", table(["runbook", "run", "state", "waits for", "began"], list(status.runs).map((run) => [
      run.runbook, link(`runs/${run.run}`, short(run.run)), word(run.state), run.waits_for || "", ago(run.started),
    ]), "Nothing runs.")),
    section("Health", table(["component", "status", "reason", "looked"], components.map((one) => [
      one.component, word(one.status), one.reason || "", one.at ? ago(one.at) : "never",
    ]), "No runbook has a label `component`.")),
    list(status.broken).length === 0 ? null : section("Files that do not count as they are", status.broken.map((file) =>
      h("details", {}, h("summary", { class: "bad" }, `${file.file}${file.kept ? ", the last good version goes on" : ""}`),
        list(file.findings).map((finding) => h("pre", {}, finding))))),
  ];
}

function vote(wanted, approve) {
  return act(approve ? "Approve" : "Reject", () =>
    ask(`/api/v1/runs/${part(wanted.run)}/${approve ? "approve" : "reject"}`,
      { place: wanted.place }), `${approve ? "Approve" : "Reject"} ${wanted.runbook}: ${wanted.message}`);
}

// Incidents

function incidentTable(rows) {
  return table(["incident", "severity", "state", "title", "level", "opened", "taken by", ""], rows.map((row) => [
    link(`incidents/${row.incident}`, short(row.incident)), row.severity, word(row.status), row.title,
    row.level_name || String(row.level), ago(row.opened), row.taken_by || "",
    row.status === "triggered" ? deed(row, "ack", "Acknowledge") : "",
  ]), "No incident is open.");
}

/** What a person does about an incident, as of what they have seen of it. */
function deed(row, verb, text, more) {
  return act(text, () => ask(`/api/v1/incidents/${part(row.incident)}/${verb}`, { as_of: row.version, ...(more ? more() : {}) }));
}

async function incidents() {
  return [section("Incidents", incidentTable(await ask("/api/v1/incidents?all=true&limit=100")))];
}

async function incident(id) {
  const { row, text, labels, timeline, pages, duties, breaches } = await ask(`/api/v1/incidents/${part(id)}`);
  const reason = h("input", { "aria-label": "What you know or did", placeholder: "What you know or did" });
  const words = () => ({ reason: reason.value });
  const open = row.status !== "resolved";
  return [
    section(`${row.severity} ${row.title}`,
      h("p", {}, word(row.status), ` · opened `, ago(row.opened), ` · level ${row.level_name || row.level}`,
        row.taken_by ? ` · taken by ${row.taken_by}` : "", row.next ? [" · next ", ago(row.next)] : ""),
      text ? h("pre", {}, text) : null,
      h("p", { class: "dim" }, Object.entries(labels || {}).map(([name, value]) => `${name}=${value}`).join(" ")),
      open ? h("form", { onsubmit: (event) => event.preventDefault() }, reason,
        row.status === "triggered" ? deed(row, "ack", "Acknowledge", words) : null,
        deed(row, "note", "Note", words), deed(row, "resolve", "Resolve", words)) : null),
    section("Timeline", table(["when", "what"], list(timeline).map((moment) => [ago(moment.at), moment.text]), "Nothing yet.")),
    section("Pages", table(["when", "who", "by", "became"], list(pages).map((page) => [
      ago(page.at), page.who || "", `${page.channel} ${page.address}`, `${page.fate}${page.note ? `: ${page.note}` : ""}`,
    ]), "Nobody was paged.")),
    list(duties).length === 0 ? null : section("Duties", table(["level", "duty", "done"], duties.map((duty) => [
      String(duty.level), duty.text, duty.done ? `yes${duty.by ? `, by ${duty.by}` : ""}` : "",
    ]), "")),
    list(breaches).length === 0 ? null : section("Promises not kept", h("ul", {}, breaches.map((breach) =>
      h("li", { class: "bad" }, `${breach.clock}, due `, ago(breach.by))))),
  ];
}

// What was measured

async function measures() {
  const rows = await ask("/api/v1/measures");
  const names = [...new Set(rows.map((row) => row.measure))];
  const from = new Date(Date.now() - HOURS * 3600e3).toISOString();
  const pasts = await Promise.all(names.map(async (name) => {
    try {
      return await ask(`/api/v1/measures/${part(name)}?step=5m&from=${part(from)}`);
    } catch (error) {
      if (error.status === 422) return error.message;
      throw error;
    }
  }));
  const cards = names.flatMap((name, index) => {
    const own = rows.filter((row) => row.measure === name);
    if (typeof pasts[index] === "string") {
      return h("article", { class: "card", "data-measure": name }, h("h3", {}, name), h("p", { class: "dim" }, pasts[index]));
    }
    if (own.some((row) => row.labels && row.labels.le !== undefined)) return quantileCards(own, pasts[index]);
    return own.map((row) => card(row, pasts[index].find((past) => same(past.labels, row.labels))));
  });
  return [section(`Measured in the last ${HOURS} hours`,
    cards.length === 0 ? h("p", { class: "dim" }, "Nothing was measured yet.") : h("div", { class: "cards" }, cards))];
}

const same = (one, other) => pairs(one) === pairs(other);
const pairs = (labels) => Object.entries(labels || {}).sort().map(([name, value]) => `${name}=${value}`).join(" ");

function card(row, past) {
  const points = list(past && past.points).map((point) => ({ at: Date.parse(point.at), value: point.mean, worst: point.worst }));
  const counter = row.metric === "counter";
  const shownPoints = counter ? rates(list(past && past.points)) : points;
  const last = counter ? (shownPoints.length > 0 ? shownPoints[shownPoints.length - 1].value : null) : row.value;
  const unit = counter ? `${row.unit || ""}/s` : row.unit;
  return chart(row.measure, pairs(row.labels), figure(last, unit), row.level, row.at, row.stale, shownPoints, row.help, unit);
}

// A stretch of time that still goes on has not all of its samples.
const whole = (points) => points.filter((point) => Date.parse(point.at) + BIN <= Date.now());

/** How fast a counter rises, from the last sample of each stretch of time; one that falls began anew. */
function rates(all) {
  const points = whole(all);
  return points.slice(1).map((point, index) => {
    const before = points[index];
    const rise = point.last >= before.last ? point.last - before.last : point.last;
    return { at: Date.parse(point.at), value: rise / ((Date.parse(point.at) - Date.parse(before.at)) / 1000), worst: "ok" };
  });
}

/** One card for each histogram that was measured whole: its 95th percentile, as Prometheus estimates it. */
function quantileCards(rows, pasts) {
  const rest = (labels) => pairs(Object.fromEntries(Object.entries(labels || {}).filter(([name]) => name !== "le")));
  const groups = [...new Set(rows.map((row) => rest(row.labels)))];
  return groups.map((group) => {
    const own = pasts.filter((past) => rest(past.labels) === group);
    const times = [...new Set(own.flatMap((past) => whole(past.points).map((point) => point.at)))].sort();
    const bounds = own.map((past) => ({
      bound: Number((past.labels || {}).le.replace("+Inf", "Infinity")),
      last: new Map(past.points.map((point) => [point.at, point.last])),
    })).filter((one) => !Number.isNaN(one.bound)).sort((a, b) => a.bound - b.bound);
    const points = times.slice(1).flatMap((at, index) => {
      const counts = bounds.map(({ bound, last }) => {
        const [before, after] = [last.get(times[index]) || 0, last.get(at) || 0];
        return { bound, count: after >= before ? after - before : after };
      });
      const value = quantile(0.95, counts);
      return value === null ? [] : [{ at: Date.parse(at), value, worst: "ok" }];
    });
    const row = rows.find((one) => rest(one.labels) === group);
    // Only of the newest stretch of time: what was an hour ago is not how it is.
    const newest = points.length > 0 ? points[points.length - 1] : null;
    const last = newest && times.length > 0 && newest.at === Date.parse(times[times.length - 1]) ? newest.value : null;
    return chart(`${row.measure} p95`, group, figure(last, row.unit), "", row.at, row.stale, points, row.help, row.unit);
  });
}

/** The value below which that share of what was counted lies, from cumulative counts by bound. */
function quantile(share, counts) {
  const all = counts.length > 0 ? counts[counts.length - 1].count : 0;
  if (all <= 0) return null;
  const rank = share * all;
  const index = counts.findIndex((one) => one.count >= rank);
  if (index < 0 || counts[index].bound === Infinity) return index > 0 ? counts[index - 1].bound : null;
  const [low, below] = index === 0 ? [0, 0] : [counts[index - 1].bound, counts[index - 1].count];
  const within = counts[index].count - below;
  return within <= 0 ? counts[index].bound : low + ((counts[index].bound - low) * (rank - below)) / within;
}

function chart(name, labels, value, level, at, stale, points, help, unit) {
  const values = points.map((point) => point.value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const [begin, end] = [Date.now() - HOURS * 3600e3, Date.now()];
  const x = (point) => (((point.at - begin) / (end - begin)) * 1000).toFixed(1);
  const y = (point) => (most > least ? 58 - ((point.value - least) / (most - least)) * 52 : 32).toFixed(1);
  const drawing = s("svg", { viewBox: "0 0 1000 64", preserveAspectRatio: "none", role: "img",
    "aria-label": values.length === 0 ? `${name}: no samples` : `${name}: ${figure(least)} to ${figure(most)}` });
  // A line goes on only where the next sample is near: what was not measured is a gap. How near is what is usual here.
  const distances = points.slice(1).map((point, index) => point.at - points[index].at).sort((one, other) => one - other);
  const gap = Math.max(20 * 60e3, 2.5 * (distances[Math.floor(distances.length / 2)] || 0));
  const joined = (index) => index > 0 && index < points.length && points[index].at - points[index - 1].at <= gap;
  const path = points.map((point, index) =>
    `${joined(index) ? "L" : "M"}${x(point)} ${y(point)}${joined(index) || joined(index + 1) ? "" : "h4"}`).join("");
  drawing.append(s("path", { class: "line", d: path || "M0 0" }));
  for (const point of points.filter((one) => one.worst === "warning" || one.worst === "critical")) {
    drawing.append(s("path", { class: `dot ${point.worst}`, d: `M${x(point)} ${y(point)}h0` }));
  }
  return h("article", { class: "card", "data-measure": name, title: help || "" }, h("h3", {}, `${name} `, h("span", { class: "dim" }, labels)),
    h("div", { class: `value ${TONES[level] || ""}` }, value, stale ? h("span", { class: "warning" }, " stale") : ""),
    drawing,
    h("div", { class: "ends" }, values.length === 0 ? "no samples" : `${figure(least, unit)} to ${figure(most, unit)}`, ago(at)));
}

// Runs

async function runs() {
  const rows = await ask("/api/v1/runs?limit=100");
  return [section("Runs", table(["run", "runbook", "began", "took", "outcome", "level", "reason"], rows.map((row) => [
    link(`runs/${row.run}`, short(row.run)), row.runbook + (row.dry ? " (dry)" : ""), ago(row.started),
    row.ended ? length((Date.parse(row.ended) - Date.parse(row.started)) / 1000) : "",
    word(row.outcome || row.state), row.level ? word(row.level) : "", row.reason || "",
  ]), "Nothing has run."))];
}

async function run(id) {
  const { row, outline, events } = await ask(`/api/v1/runs/${part(id)}`);
  const ends = new Map(), attempts = new Map();
  for (const event of list(events)) {
    if (event.place === undefined) continue;
    if (event.event === "step_ended") ends.set(event.place, event);
    if (event.event === "attempt_started") attempts.set(event.place, event.attempt);
  }
  const output = h("pre", { hidden: true });
  const places = [...new Set([...attempts.keys(), ...ends.keys()])];
  const steps = places.map((place) => {
    const end = ends.get(place);
    const show = async () => {
      try {
        const pieces = await Promise.all(["stdout", "stderr"].map((stream) =>
          ask(`/api/v1/runs/${part(row.run)}/output?place=${part(place)}&attempt=${attempts.get(place)}&stream=${stream}&from=${-TAIL}`)));
        output.textContent = pieces.map((piece) => piece.text).filter((text) => text).join("\n") || `${place} printed nothing`;
        output.hidden = false;
      } catch (error) {
        tell(error);
      }
    };
    return [place, end ? word(end.outcome) : word("running"), end && end.level ? word(end.level) : "",
      (end && (end.reason || (end.failure && end.failure.message))) || "",
      attempts.has(place) ? h("button", { type: "button", onclick: show }, "Output") : ""];
  });
  return [
    section(`${outline.title || row.runbook}`,
      h("p", {}, word(row.outcome || row.state), row.level ? [" · ", word(row.level)] : "", " · began ", ago(row.started),
        ` · by ${row.actor}`, row.parent ? [" · called by ", link(`runs/${row.parent}`, short(row.parent))] : ""),
      row.reason ? h("p", {}, row.reason) : null,
      row.ended ? null : act("Cancel", () => ask(`/api/v1/runs/${part(row.run)}/cancel`, {}), `Cancel this run of ${row.runbook}?`)),
    section("Steps", table(["step", "outcome", "level", "reason", ""], steps, "No step has begun."), output),
  ];
}

// Schedules

async function schedules() {
  const rows = await ask("/api/v1/schedules");
  return [section("Schedules", table(["runbook", "trigger", "time", "zone", "next", "last"], rows.map((row) => [
    row.runbook, row.trigger, row.time, row.zone,
    row.paused_by ? h("span", { class: "warning" }, `paused by ${row.paused_by}${row.paused_why ? `: ${row.paused_why}` : ""}`)
      : row.next ? ago(row.next) : h("span", { class: "warning" }, row.aside || "never again"),
    row.last ? [`${row.last.fate} `, ago(row.last.until)] : "",
  ]), "No runbook has a schedule."))];
}

// The frame

const VIEWS = [
  ["now", "Now", now], ["incidents", "Incidents", incidents, incident], ["measures", "Measures", measures],
  ["runs", "Runs", runs, run], ["schedules", "Schedules", schedules],
];

function tell(error) {
  const trouble = document.querySelector("#trouble");
  trouble.hidden = !error;
  trouble.textContent = error ? error.message : "";
}

function standing(text) {
  document.querySelector("#standing").textContent = text;
}

function askForToken(why) {
  shown = null;
  const field = h("input", { type: "password", id: "token", autocomplete: "off", required: true, "aria-label": "Token" });
  const enter = (event) => {
    event.preventDefault();
    token = field.value.trim();
    sessionStorage.setItem("token", token);
    show();
  };
  main.replaceChildren(section("Who are you?",
    h("p", {}, "A token opens this page; ", h("code", {}, "stepladder token create NAME --role viewer"),
      " makes one. It is kept until this tab is closed."),
    h("form", { onsubmit: enter }, field, h("button", {}, "Enter")), why ? h("p", { class: "bad" }, why) : null));
  field.focus();
}

/** Whether somebody is in the middle of something that must not be taken from under their hands. */
function busy() {
  return [...main.querySelectorAll("input")].some((field) => field.value !== "") || main.querySelector("button:hover, button:focus, button:active") !== null;
}

async function show() {
  clearTimeout(timer);
  const [name, id] = location.hash.slice(1).split("/");
  const view = VIEWS.find(([own]) => own === name) || VIEWS[0];
  document.querySelector("nav").replaceChildren(...VIEWS.map(([own, title]) =>
    h("a", { href: `#${own}`, "aria-current": own === view[0] ? "page" : false }, title)));
  document.querySelector("#leave").hidden = !token;
  const turn = ++asking;
  if (!token) return askForToken();
  try {
    const make = id && view[3] ? () => view[3](decodeURIComponent(id)) : view[2];
    const content = (await make()).filter((one) => one);
    if (turn !== asking) return;
    tell(null);
    standing(`as of ${new Date().toLocaleTimeString()}`);
    // An output that was opened, a text that is being typed, a button under a finger: only another view takes them away.
    if (shown !== location.hash || !(busy() || main.querySelector("pre:not([hidden])"))) {
      const first = shown !== location.hash;
      main.replaceChildren(...content);
      shown = location.hash;
      if (first) scrollTo(0, 0);
    }
  } catch (error) {
    if (turn !== asking) return;
    if (error.status === 401) {
      token = "";
      sessionStorage.removeItem("token");
      return askForToken(error.message);
    }
    tell(error);
  }
  if (!document.hidden) timer = setTimeout(show, view[0] === "measures" ? SELDOM : EVERY);
}

document.querySelector("#leave").addEventListener("click", () => {
  token = "";
  sessionStorage.removeItem("token");
  show();
});
addEventListener("hashchange", () => { main.focus(); show(); });
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : show()));
show();
