// Before the first paint: the reader's earlier choice of theme, if the browser keeps one for files.
(() => {
  try {
    const kept = localStorage.getItem("report-theme");
    if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  } catch {
    // Storage is closed to local files in some browsers; the system's setting then decides.
  }
})();
