// Numbers as words, and the elements that the page is made of. Texts become text nodes, never markup.

const SVG = "http://www.w3.org/2000/svg";
const TONES = {
  PASS: "good", VALID: "good", OK: "good", IMPROVED: "good",
  WARN: "warn", "IN DANGER": "warn", INTERRUPTED: "warn",
  FAIL: "bad", INVALID: "bad", "NO DATA": "bad", REGRESSION: "bad", ERROR: "bad",
};
const ICONS = { good: "✓", warn: "!", bad: "✕", neutral: "–" };

// --- words and numbers ---------------------------------------------------------------------

export const DASH = "–";

/** Three significant digits, and all of the integer part. */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  if (value === 0) return "0";
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const text = value.toFixed(Math.min(decimals, 12));
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

export const whole = (value) => (value === null || value === undefined ? DASH : value.toLocaleString("en"));
export const ms = (value) => (value === null || value === undefined ? DASH : `${number(value)} ms`);

export function clock(seconds) {
  const s = Math.max(Math.round(seconds), 0);
  const pad = (n) => String(n).padStart(2, "0");
  return s < 3600 ? `${pad(Math.floor(s / 60))}:${pad(s % 60)}` : `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
}

// --- elements ------------------------------------------------------------------------------

/** An element; `children` are elements, texts, or nothing. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export function word(text, extra = "", tone = TONES[text] || "neutral") {
  const icon = text === "RUNNING" ? "●" : text === "NO DATA" ? "?" : ICONS[tone];
  return h("span", { class: `word ${tone} ${extra}` }, h("span", { class: "icon", "aria-hidden": "true" }, icon), text);
}

/** While a run lasts, too few requests are no failure: more will come. */
export const liveWord = (text) => word(text, "", text === "NO DATA" ? "neutral" : undefined);

export function title(text, small) {
  return h("h2", {}, text, small ? h("small", {}, small) : null);
}

/** `heads` are [text, class]; `rows` are lists of cells; `over` is a row of headings above, `kind` a class. */
export function table(heads, rows, over = null, kind = "") {
  return h("div", { class: "scroll", tabindex: "0", role: "region" },
    h("table", { class: `cards ${kind}` },
      h("thead", {}, over, h("tr", {}, heads.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)))),
      h("tbody", {}, rows.map((cells) => h("tr", {}, cells)))));
}

export const cell = (label, kind, ...children) => h("td", { "data-label": label, class: kind }, children);
export const num = (label, text, kind = "") => cell(label, `num ${kind}`, text);

/** A figure with its interval; in italics where there are too few samples for one. */
export function estimate(label, found, kind = "") {
  if (!found || found.value === null) return num(label, DASH, kind);
  const bounded = found.low !== null && found.high !== null;
  const unit = found.unit === "percent" ? "%" : found.unit;
  return cell(label, `num ${kind}`,
    h("span", { class: bounded ? null : "hollow" }, `${number(found.value)} ${unit}`.trim()),
    h("small", {}, bounded ? `[${number(found.low)}, ${number(found.high)}]` : "n too small"));
}
