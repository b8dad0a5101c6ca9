// Draws the run that lasts from live.json, every two seconds. Whatever a service or a locustfile has named
// reaches the page as text alone (textContent): there is no markup made of data here.

import { charts } from "./live-charts.js";
import { head, criteria, validity, categories, components, names, errors, runs } from "./live-sections.js";

const EVERY_MS = 2000;
const GIVE_UP_MS = 15000;
const root = document.documentElement;
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
