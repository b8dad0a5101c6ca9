// Shows the harness's page inside Locust's tab `Verdicts`, above the plain table that Locust makes of it.
// Where Locust's page is built differently one day, nothing is found and the table stays.
(() => {
  const TITLE = "Verdicts";
  const page = new URL("../live?framed", document.currentScript.src).href;

  const style = document.createElement("style");
  style.textContent =
    ".harness-live { display: block; width: 100%; border: 0; min-height: 60vh; }" +
    ".harness-live[hidden] { display: none; } .harness-live:not([hidden]) ~ * { display: none; }";
  document.head.append(style);

  const frame = document.createElement("iframe");
  frame.className = "harness-live";
  frame.title = "Verdicts, live";
  frame.hidden = true;

  const isOpen = (tabs) =>
    [...tabs.querySelectorAll('[role="tab"][aria-selected="true"]')].some((tab) => tab.textContent.trim() === TITLE);

  const place = () => {
    const tabs = document.querySelector('[role="tablist"]');
    const container = tabs && tabs.closest(".MuiContainer-root");
    if (!container) return;
    const open = isOpen(tabs);
    if (open && frame.parentElement !== container) {
      const bar = [...container.children].find((child) => child.contains(tabs));
      frame.src = page;
      bar.after(frame);
    }
    if (frame.hidden === open) frame.hidden = !open;
  };

  addEventListener("message", (event) => {
    if (event.origin !== location.origin || event.source !== frame.contentWindow) return;
    const height = Number(event.data && event.data.harnessHeight);
    if (height > 0) frame.style.height = `${Math.ceil(height)}px`;
  });

  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      place();
    });
  };
  new MutationObserver(soon).observe(document.body, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ["aria-selected"],
  });
  soon();
})();
