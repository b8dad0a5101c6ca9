// Draws the run that lasts from live.json, every two seconds. Whatever a service or a locustfile has named
// reaches the page as text alone (textContent): there is no markup made of data here.
"use strict";

const EVERY_MS = 2000;
const GIVE_UP_MS = 15000;
const root = document.documentElement;
const SVG = "http://www.w3.org/2000/svg";
const DASHES = ["", "7 4", "2 4", "9 3 2 3", "12 4", "5 2", "", "4 4", "1 3"];
const TONES = {
  PASS: "good", VALID: "good", OK: "good", IMPROVED: "good",
  WARN: "warn", "IN DANGER": "warn", INTERRUPTED: "warn",
  FAIL: "bad", INVALID: "bad", "NO DATA": "bad", REGRESSION: "bad", ERROR: "bad",
};
const ICONS = { good: "✓", warn: "!", bad: "✕", neutral: "–" };

// --- words and numbers ---------------------------------------------------------------------

const DASH = "–";

/** Three significant digits, and all of the integer part. */
function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  if (value === 0) return "0";
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const text = value.toFixed(Math.min(decimals, 12));
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

const whole = (value) => (value === null || value === undefined ? DASH : value.toLocaleString("en"));
const ms = (value) => (value === null || value === undefined ? DASH : `${number(value)} ms`);

function clock(seconds) {
  const s = Math.max(Math.round(seconds), 0);
  const pad = (n) => String(n).padStart(2, "0");
  return s < 3600 ? `${pad(Math.floor(s / 60))}:${pad(s % 60)}` : `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
}

// --- elements ------------------------------------------------------------------------------

/** An element; `children` are elements, texts, or nothing. */
function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

function word(text, extra = "", tone = TONES[text] || "neutral") {
  const icon = text === "RUNNING" ? "●" : text === "NO DATA" ? "?" : ICONS[tone];
  return h("span", { class: `word ${tone} ${extra}` }, h("span", { class: "icon", "aria-hidden": "true" }, icon), text);
}

/** While a run lasts, too few requests are no failure: more will come. */
const liveWord = (text) => word(text, "", text === "NO DATA" ? "neutral" : undefined);

function title(text, small) {
  return h("h2", {}, text, small ? h("small", {}, small) : null);
}

/** `heads` are [text, class]; `rows` are lists of cells; `over` is a row of headings above, `kind` a class. */
function table(heads, rows, over = null, kind = "") {
  return h("div", { class: "scroll", tabindex: "0", role: "region" },
    h("table", { class: `cards ${kind}` },
      h("thead", {}, over, h("tr", {}, heads.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)))),
      h("tbody", {}, rows.map((cells) => h("tr", {}, cells)))));
}

const cell = (label, kind, ...children) => h("td", { "data-label": label, class: kind }, children);
const num = (label, text, kind = "") => cell(label, `num ${kind}`, text);

/** A figure with its interval; in italics where there are too few samples for one. */
function estimate(label, found, kind = "") {
  if (!found || found.value === null) return num(label, DASH, kind);
  const bounded = found.low !== null && found.high !== null;
  const unit = found.unit === "percent" ? "%" : found.unit;
  return cell(label, `num ${kind}`,
    h("span", { class: bounded ? null : "hollow" }, `${number(found.value)} ${unit}`.trim()),
    h("small", {}, bounded ? `[${number(found.low)}, ${number(found.high)}]` : "n too small"));
}

// --- sections ------------------------------------------------------------------------------

function head(data) {
  if (data.state === "none") {
    return [h("div", { class: "banner" }, word("NO RUN YET", "large"),
      h("div", {}, h("h1", {}, "Nothing to show yet"), h("p", {}, "Start a test, and this page follows it.")))];
  }
  const run = data.run;
  const running = data.state === "running";
  const line = [run.run_id, run.scenario, run.provider, run.target].filter(Boolean).join(" · ");
  const said = running ? `Running: ${run.phase}` : run.headline;
  const shown = running ? "RUNNING" : run.verdict;
  const banner = h("div", { class: "banner" }, word(shown, running ? "large running" : "large"),
    h("div", {}, h("h1", { role: "status" }, said), h("p", {}, line), running ? null : h("p", {}, `Ended: ${run.stop_reason || "unknown"}`)));
  const tile = (name, value, small) => h("div", {}, h("dt", {}, name), h("dd", {}, value, small ? h("small", {}, ` ${small}`) : null));
  const recent = data.recent && data.recent.overall;
  const tiles = running
    ? [tile("Elapsed", clock(run.elapsed_s), run.left_s === null ? null : `of ${clock(run.elapsed_s + run.left_s)}`),
       tile("Users", whole(run.users)),
       tile("Requests", whole(run.requests)),
       tile("Throughput", recent ? number(recent.requests_per_s) : DASH, "req/s"),
       tile("p95", recent ? number(recent.response_ms[1].value) : DASH, "ms"),
       tile("Errors", whole(run.errors), run.errors ? `${number((100 * run.errors) / run.requests)} %` : null)]
    : [tile("Lasted", clock(run.elapsed_s)),
       tile("Requests measured", whole(run.requests)),
       tile("Throughput", number(data.measured.overall.requests_per_s), "req/s"),
       tile("p95", number(data.measured.overall.response_ms[1] && data.measured.overall.response_ms[1].value), "ms"),
       tile("Error rate", number(data.measured.overall.error_percent), "%")];
  return [banner, h("dl", { class: "tiles" }, tiles), running ? null : h("p", { class: "note" }, links(run.run_id, data.files))];
}

const links = (run, files) => h("span", { class: "files" }, files.map((name) =>
  h("a", { href: `runs/${encodeURIComponent(run)}/${name}`, target: "_blank", rel: "noopener" }, name)));

function criteria(data) {
  const found = data.criteria;
  if (!found) return [];
  const running = data.state === "running";
  const small = running
    ? (found.window_s === null ? "none judged yet" : `on the last ${number(found.window_s)} s before ${clock(found.at_s)}`)
    : "on the measured window";
  if (!found.rules.length) return [title("Success criteria"), h("p", { class: "soft" }, "This scenario names none.")];
  const rows = found.rules.map((rule) => [
    cell("Verdict", "verdict bare", running ? liveWord(rule.word) : word(rule.word)),
    h("th", { scope: "row" }, rule.name, h("code", {}, rule.rule)),
    estimate("Measured", rule.measured),
    num("Target", rule.target || DASH),
    num("Critical", rule.critical || DASH),
    cell("Reason", "text wide bare", rule.reason, rule.remedy ? h("span", { class: "remedy" }, rule.remedy) : null),
  ]);
  const heads = [["Verdict", ""], ["Criterion", ""], ["Measured", "num"], ["Target", "num"], ["Critical", "num"], ["In words", ""]];
  return [title("Success criteria", small), table(heads, rows)];
}

function validity(data) {
  const found = data.validity;
  if (!found) return [];
  const rows = found.checks.map((check) => [
    cell("Verdict", "verdict bare", word(check.word)),
    h("th", { scope: "row" }, check.name),
    cell("Measured", "", check.measured),
    cell("Allowed", "", check.limit),
    found.final ? cell("Reason", "text wide bare", check.reason, check.remedy ? h("span", { class: "remedy" }, check.remedy) : null) : null,
  ]);
  const heads = [["", ""], ["Check", ""], ["Measured", ""], ["Allowed", ""], ...(found.final ? [["In words", ""]] : [])];
  const note = found.final ? null : "The load generators' last ten seconds, the worst of them. The verdict at the end is on whole hold phases.";
  return [
    h("h2", {}, "Can the measurement be believed? ", word(found.word)),
    table(heads, rows),
    found.told.length ? h("ul", { class: "told" }, found.told.map((line) => h("li", {}, line))) : null,
    note ? h("p", { class: "note" }, note) : null,
  ];
}

const GROUP_HEADS = [["Requests", "num"], ["req/s", "num"], ["Errors", "num"], ["p50", "num"], ["p95", "num"], ["p99", "num"]];
const errorsOf = (group) => ("error_percent" in group ? group.error_percent : group.requests ? (100 * group.errors) / group.requests : null);

function groupCells(group, kind = "") {
  return [
    num("Requests", whole(group.requests), kind),
    num("req/s", number(group.requests_per_s)),
    num("Errors", errorsOf(group) === null ? DASH : `${number(errorsOf(group))} %`),
    ...["p50", "p95", "p99"].map((name, i) => estimate(name, group.response_ms[i])),
  ];
}

function categories(data) {
  if (data.measured) {
    const groups = data.measured.categories.length ? data.measured.categories : [data.measured.overall];
    return [title("Response time by category", "exact, over the measured window; 95 % intervals"),
      table([["Category", ""], ...GROUP_HEADS], groups.map((group) => [h("th", { scope: "row" }, group.name), ...groupCells(group)]))];
  }
  if (!data.so_far || !data.so_far.length) return [];
  const now = new Map((data.recent.categories || []).map((group) => [group.name, group]));
  const rows = data.so_far.map((all) => {
    const group = now.get(all.name);
    const recent = group ? groupCells(group) : GROUP_HEADS.map(([text]) => num(text, DASH));
    return [h("th", { scope: "row" }, all.name), ...recent,
      num("All so far", whole(all.n), "begin"), num("p50 so far", ms(all.p50_ms)), num("p95 so far", ms(all.p95_ms)), num("p99 so far", ms(all.p99_ms))];
  });
  const over = h("tr", { class: "over" }, h("th", {}), h("th", { colspan: "6" }, `Last ${number(data.recent.window_s)} s, exact`), h("th", { colspan: "4", class: "begin" }, "Since the run began, within 0.3 %"));
  const heads = [["Category", ""], ...GROUP_HEADS, ["Requests", "num begin"], ["p50", "num"], ["p95", "num"], ["p99", "num"]];
  return [title("Response time by category", "from the intended start to the last byte"), table(heads, rows, over),
    h("p", { class: "note" }, "All requests that ended count here, in ramps too; errors included. Italics: too few samples for a 95 % interval.")];
}

function names(data) {
  const from = data.measured || data.recent;
  if (!from || !from.names || from.names.length < 2) return [];
  const small = data.measured ? "exact, over the measured window" : `last ${number(data.recent.window_s)} s, exact`;
  return [title("Endpoints", small),
    table([["Name", ""], ...GROUP_HEADS], from.names.map((group) => [h("th", { scope: "row" }, group.name), ...groupCells(group)])),
    from.more_names ? h("p", { class: "note" }, `and ${whole(from.more_names)} more with fewer requests`) : null];
}

const COMPONENT_HEADS = [["Component", ""], ["Spans", "num"], ["Mean", "num"], ["p50", "num"], ["p95", "num"], ["Mean, to scale", ""]];
const COMPONENTS_SHOWN = 8;

function components(data) {
  const found = data.components || [];
  if (!found.length) return [];
  const [first, rest] = data.measured ? split(found) : largest(found);
  const most = Math.max(...found.map((each) => each.mean_ms || 0), 1e-9);
  const rows = (some) => some.map((each) => [
    h("th", { scope: "row" }, each.category ? `${each.name} (${each.category})` : each.name),
    num("Spans", whole(each.n)), num("Mean", ms(each.mean_ms)), num("p50", ms(each.p50_ms)), num("p95", ms(each.p95_ms)),
    cell("Mean, to scale", "bar wide bare", bar((100 * (each.mean_ms || 0)) / most)),
  ]);
  const small = data.measured
    ? "successful requests of the measured window, exact"
    : "since the run began, by the time they took in all; percentiles within 0.3 %";
  const more = h("details", { open: moreIsOpen }, h("summary", {}, `${rest.length} more`), table(COMPONENT_HEADS, rows(rest), null, "four"));
  more.addEventListener("toggle", () => { moreIsOpen = more.open; });
  return [title("Where the service's time goes", small), table(COMPONENT_HEADS, rows(first), null, "four"), rest.length ? more : null];
}

let moreIsOpen = false;

/** Those that add up to the total come first; what lies inside them is for a second look. */
function split(found) {
  const first = found.filter((each) => each.share_percent !== null || each.name === "total");
  return first.length ? [first, found.filter((each) => !first.includes(each))] : [found, []];
}

function largest(found) {
  const took = (each) => each.n * each.mean_ms;
  const sorted = [...found].sort((a, b) => took(b) - took(a));
  return [sorted.slice(0, COMPONENTS_SHOWN), sorted.slice(COMPONENTS_SHOWN)];
}

function bar(percent) {
  const element = h("i", { class: "share" });
  element.style.width = `${Math.max(percent, 0.5)}%`;
  return element;
}

function errors(data) {
  const from = data.measured || data.recent;
  if (!from || !from.errors || !from.errors.length) return [];
  const small = data.measured ? "of the whole run" : `in the last ${number(data.recent.window_s)} s`;
  return [title("Errors", small),
    table([["Outcome", ""], ["Requests", "num"], ["Message", ""]],
      from.errors.map((each) => [h("th", { scope: "row" }, each.outcome), num("Requests", whole(each.requests)), cell("Message", "text wide bare", each.error)])),
    from.more_errors ? h("p", { class: "note" }, `and ${whole(from.more_errors)} more kinds`) : null];
}

function runs(data) {
  if (!data.runs.length) return [];
  const rows = data.runs.map((run) => [
    cell("Verdict", "verdict bare", word(run.verdict)),
    h("th", { scope: "row" }, run.run_id, h("code", {}, run.folder)),
    cell("Measurement", "wide", word(run.validity)),
    cell("In words", "text wide bare", run.headline),
    cell("Files", "wide bare", links(run.run_id, run.files)),
  ]);
  return [title("Runs of this Locust process", "the latest first"),
    table([["Verdict", ""], ["Run", ""], ["Measurement", ""], ["In words", ""], ["Files", ""]], rows),
    data.more_runs ? h("p", { class: "note" }, `and ${whole(data.more_runs)} before them`) : null];
}

// --- charts --------------------------------------------------------------------------------

function charts(data) {
  const chart = data.chart;
  if (!chart || chart.requests_per_s.length < 2) return [];
  const response = chart.p95_ms.map((each, i) => ({ ...each, look: i }));
  const rate = [
    { name: "requests/s", values: chart.requests_per_s, look: 3 },
    { name: "errors/s", values: chart.errors_per_s, look: 2 },
  ];
  const every = `per ${number(chart.cell_s)} s`;
  return [
    drawing("p95 response time, ms", `${every}, by when requests ended; within 1 %`, response, chart.cell_s, "ms"),
    drawing("Throughput, requests/s", every, rate, chart.cell_s, "/s"),
  ];
}

function drawing(name, small, series, cellS, unit) {
  const last = (values) => values.findLast((value) => value !== null);
  const told = series.map((each) => `${each.name} ${number(last(each.values))} ${unit}`).join(", ");
  const svg = s("svg", { role: "img", "aria-label": `${name}; latest: ${told}` });
  const legend = h("ul", { class: "legend" }, series.map((each) => h("li", {},
    s("svg", { class: `s${each.look}`, viewBox: "0 0 26 10", "aria-hidden": "true" }, s("path", { class: "series", d: "M1 5H25", "stroke-dasharray": DASHES[each.look] })),
    `${each.name} `, h("b", {}, `${number(last(each.values))} ${unit}`))));
  const card = h("div", { class: "card" }, h("h3", {}, name, h("small", {}, small)), svg, legend);
  new ResizeObserver(() => draw(svg, series, cellS)).observe(svg);
  return card;
}

function draw(svg, series, cellS) {
  const width = svg.clientWidth, height = svg.clientHeight;
  if (!width) return;
  const left = 48, right = 8, top = 8, bottom = 22;
  const cells = series[0].values.length;
  const most = Math.max(...series.flatMap((each) => each.values.map((value) => value || 0)), 1e-9);
  const yStep = nice(most / 4);
  const yMost = Math.ceil(most / yStep) * yStep;
  const x = (i) => left + ((i + 0.5) / cells) * (width - left - right);
  const y = (value) => height - bottom - (value / yMost) * (height - top - bottom);
  const parts = [];
  for (let value = 0; value <= yMost * 1.0001; value += yStep) {
    parts.push(s("path", { class: "grid", d: `M${left} ${y(value)}H${width - right}` }),
      s("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, number(value)));
  }
  const seconds = cells * cellS;
  const xStep = niceSeconds(seconds / Math.max(Math.floor(width / 110), 2));
  for (let at = 0; at <= seconds; at += xStep) {
    const place = left + (at / seconds) * (width - left - right);
    parts.push(s("text", { x: place, y: height - 5, "text-anchor": at === 0 ? "start" : place > width - 24 ? "end" : "middle" }, clock(at)));
  }
  for (const each of series) parts.push(lines(each, x, y));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(...parts);
}

/** A line with a gap where nothing was measured; a dot where a value stands alone. */
function lines(each, x, y) {
  const group = s("g", { class: `s${each.look}` });
  let path = "";
  each.values.forEach((value, i) => {
    if (value === null) return;
    const begins = i === 0 || each.values[i - 1] === null;
    const ends = i === each.values.length - 1 || each.values[i + 1] === null;
    if (begins && ends) group.append(s("circle", { class: "series", cx: x(i), cy: y(value), r: 1.5 }));
    path += `${begins ? "M" : "L"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  group.append(s("path", { class: "series", d: path, "stroke-dasharray": DASHES[each.look] }));
  return group;
}

function nice(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((value) => value >= step);
}

const niceSeconds = (step) => [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400].find((value) => value >= step) || 28800;

// --- following -----------------------------------------------------------------------------

const SECTIONS = { head, criteria, validity, charts, categories, components, names, errors, runs };
const drawn = {};
let newest = null;

/** A section is drawn anew only where its data changed, so that focus and selection stay. */
function show(data) {
  const parts = {
    head: [data.state, data.run, data.recent && data.recent.overall, data.measured && data.measured.overall, data.files],
    criteria: [data.state, data.criteria],
    validity: data.validity,
    charts: data.chart,
    categories: [data.so_far, data.recent, data.measured],
    components: data.components,
    names: [data.recent, data.measured],
    errors: [data.recent, data.measured],
    runs: [data.runs, data.more_runs],
  };
  for (const [name, make] of Object.entries(SECTIONS)) {
    const text = JSON.stringify(parts[name] === undefined ? null : parts[name]);
    if (drawn[name] === text) continue;
    drawn[name] = text;
    document.getElementById(name).replaceChildren(...make(data).filter(Boolean));
  }
}

function trouble(text) {
  const element = document.getElementById("trouble");
  element.hidden = !text;
  if (element.textContent !== text) element.textContent = text;
}

async function look() {
  const response = await fetch("live.json", { cache: "no-store", signal: AbortSignal.timeout(GIVE_UP_MS) });
  const kind = response.headers.get("Content-Type") || "";
  if (response.redirected || !kind.includes("json")) return trouble("Locust wants a login: open its page and log in again.");
  if (!response.ok) throw new Error(`it answered ${response.status}`);
  const data = await response.json();
  newest = new Date();
  trouble("");
  show(data);
}

async function follow() {
  theme();
  // A page that nobody sees, in a hidden tab or frame, asks for nothing.
  if (!document.hidden && innerWidth > 0) {
    try {
      await look();
    } catch (error) {
      console.warn(error);
      trouble(newest ? `Locust does not answer; what is shown is of ${newest.toLocaleTimeString()}.` : "Locust does not answer.");
    }
  }
  setTimeout(follow, EVERY_MS);
}

/** As Locust's own page is: its switch, or else the system's setting. */
function theme() {
  let kept = null;
  try {
    kept = localStorage.getItem("theme");
  } catch {
    // Storage is closed; the system's setting decides.
  }
  const dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "dark" : "light";
}

if (new URLSearchParams(location.search).has("framed") && parent !== window) {
  root.classList.add("framed");
  new ResizeObserver(() => {
    parent.postMessage({ harnessHeight: document.body.getBoundingClientRect().height }, location.origin);
  }).observe(document.body);
}
addEventListener("storage", theme);
theme();
follow();
