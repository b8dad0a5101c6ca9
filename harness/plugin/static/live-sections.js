// The parts of the page that are words and tables, each from the document of live.json.

import { DASH, number, whole, ms, clock, h, word, liveWord, title, table, cell, num, estimate } from "./live-elements.js";

export function head(data) {
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

export function criteria(data) {
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

export function validity(data) {
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

export function categories(data) {
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

export function names(data) {
  const from = data.measured || data.recent;
  if (!from || !from.names || from.names.length < 2) return [];
  const small = data.measured ? "exact, over the measured window" : `last ${number(data.recent.window_s)} s, exact`;
  return [title("Endpoints", small),
    table([["Name", ""], ...GROUP_HEADS], from.names.map((group) => [h("th", { scope: "row" }, group.name), ...groupCells(group)])),
    from.more_names ? h("p", { class: "note" }, `and ${whole(from.more_names)} more with fewer requests${data.measured ? ", in summary.json" : ""}`) : null];
}

const COMPONENT_HEADS = [["Component", ""], ["Spans", "num"], ["Mean", "num"], ["p50", "num"], ["p95", "num"], ["Mean, to scale", ""]];
const COMPONENTS_SHOWN = 8;

export function components(data) {
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

export function errors(data) {
  const from = data.measured || data.recent;
  if (!from || !from.errors || !from.errors.length) return [];
  const small = data.measured ? "of the whole run" : `in the last ${number(data.recent.window_s)} s`;
  return [title("Errors", small),
    table([["Outcome", ""], ["Requests", "num"], ["Message", ""]],
      from.errors.map((each) => [h("th", { scope: "row" }, each.outcome), num("Requests", whole(each.requests)), cell("Message", "text wide bare", each.error)])),
    from.more_errors ? h("p", { class: "note" }, `and ${whole(from.more_errors)} more kinds`) : null];
}

export function runs(data) {
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
