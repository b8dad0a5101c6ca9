// The charts over time, drawn anew whenever their width changes.

import { number, clock, h, s } from "./live-elements.js";

const DASHES = ["", "7 4", "2 4", "9 3 2 3", "12 4", "5 2", "", "4 4", "1 3"];

/** A level that lies further beyond what was measured is told in the legend alone: it would flatten the curves. */
const MOST_HEADROOM = 5;
const LABEL_PX = 13;
const LETTER_PX = 6.2;
const WIDE_PX = 480;
const MOST_LETTERS = 24;

export function charts(data) {
  const chart = data.chart;
  if (!chart || chart.requests_per_s.length < 2) return [];
  const response = chart.p95_ms.map((each, i) => ({ ...each, look: i }));
  const rate = [
    { name: "requests/s", values: chart.requests_per_s, look: 3 },
    { name: "errors/s", values: chart.errors_per_s, look: 2 },
  ];
  const every = `per ${number(chart.cell_s)} s`;
  return [
    drawing("p95 response time, ms", `${every}, by when requests ended; within 1 %`, response, levels(chart.levels.p95_ms), chart.cell_s, "ms"),
    drawing("Throughput, requests/s", every, rate, levels(chart.levels.requests_per_s), chart.cell_s, "/s"),
  ];
}

/** Lines to draw, one for each level that any rule has; rules with the same level share one. */
function levels(rules) {
  const found = new Map();
  for (const rule of rules) {
    for (const level of ["target", "critical"]) {
      if (rule[level] === null) continue;
      const key = `${level} ${rule.compare} ${rule[level]}`;
      const line = found.get(key) || { level, value: rule[level], compare: rule.compare, of: [] };
      if (rule.category !== null && !line.of.includes(rule.category)) line.of.push(rule.category);
      found.set(key, line);
    }
  }
  return [...found.values()].sort((a, b) => a.value - b.value);
}

const levelWords = (line, unit) => `${line.of.join(", ")} ${line.level} ${line.compare} ${number(line.value)} ${unit}`.trim();

function levelName(line) {
  const name = `${line.of.join(", ")} ${line.level}`.trim();
  return name.length > MOST_LETTERS ? line.level : name;
}

function drawing(name, small, series, lines, cellS, unit) {
  const last = (values) => values.findLast((value) => value !== null);
  const told = series.map((each) => `${each.name} ${number(last(each.values))} ${unit}`).join(", ");
  const limits = lines.map((line) => levelWords(line, unit)).join(", ");
  const measured = Math.max(...series.flatMap((each) => each.values.map((value) => value || 0)), 1e-9);
  const near = lines.filter((line) => line.value <= MOST_HEADROOM * measured);
  const svg = s("svg", { role: "img", "aria-label": `${name}; latest: ${told}${limits && `; levels: ${limits}`}` });
  const legend = h("ul", { class: "legend" },
    series.map((each) => h("li", {}, sample(`s${each.look}`, "series", DASHES[each.look]), `${each.name} `, h("b", {}, `${number(last(each.values))} ${unit}`))),
    lines.map((line) => h("li", {}, sample("", `level ${line.level}`, null), levelWords(line, unit), near.includes(line) ? null : h("small", {}, " above the chart"))));
  const card = h("div", { class: "card" }, h("h3", {}, name, h("small", {}, small)), svg, legend);
  new ResizeObserver(() => draw(svg, series, near, Math.max(measured, ...near.map((line) => line.value)), cellS)).observe(svg);
  return card;
}

/** A short piece of a line, for the legend. */
function sample(group, line, dashes) {
  return s("svg", { class: group, viewBox: "0 0 26 10", "aria-hidden": "true" }, s("path", { class: line, d: "M1 5H25", "stroke-dasharray": dashes }));
}

function draw(svg, series, lines, most, cellS) {
  const width = svg.clientWidth, height = svg.clientHeight;
  if (!width) return;
  const beside = width >= WIDE_PX ? Math.max(0, ...lines.map((line) => levelName(line).length)) * LETTER_PX : 0;
  const frame = { left: 48, right: width - 8 - beside, top: 14, bottom: height - 22, width, height };
  const cells = series[0].values.length;
  const yStep = nice(most / 4);
  const yMost = Math.ceil(most / yStep) * yStep;
  const x = (i) => frame.left + ((i + 0.5) / cells) * (frame.right - frame.left);
  const y = (value) => frame.bottom - (value / yMost) * (frame.bottom - frame.top);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(
    ...values(yStep, yMost, y, frame),
    ...times(cells * cellS, frame),
    ...lines.map((line) => s("path", { class: `level ${line.level}`, d: `M${frame.left} ${y(line.value)}H${frame.right}` })),
    ...names(lines, y, frame, beside > 0),
    ...series.map((each) => curve(each, x, y)),
  );
}

function values(step, most, y, frame) {
  const parts = [];
  for (let value = 0; value <= most * 1.0001; value += step) {
    parts.push(s("path", { class: "grid", d: `M${frame.left} ${y(value)}H${frame.right}` }),
      s("text", { x: frame.left - 6, y: y(value) + 4, "text-anchor": "end" }, number(value)));
  }
  return parts;
}

function times(seconds, frame) {
  const step = niceSeconds(seconds / Math.max(Math.floor(frame.width / 110), 2));
  const parts = [];
  for (let at = 0; at <= seconds; at += step) {
    const place = frame.left + (at / seconds) * (frame.right - frame.left);
    const anchor = at === 0 ? "start" : place > frame.width - 24 ? "end" : "middle";
    parts.push(s("text", { x: place, y: frame.height - 5, "text-anchor": anchor }, clock(at)));
  }
  return parts;
}

/** What each level is: beside its line, or on a narrow chart above it, behind the curves. None lies on another. */
function names(lines, y, frame, beside) {
  let last = Infinity;
  return lines.map((line) => {
    last = Math.min(y(line.value) + (beside ? 4 : -4), last - LABEL_PX);
    const place = beside ? { x: frame.right + 6 } : { x: frame.right, "text-anchor": "end" };
    return s("text", { class: `level ${line.level}`, y: last, ...place }, levelName(line));
  });
}

/** A line with a gap where nothing was measured; a dot where a value stands alone. */
function curve(each, x, y) {
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
