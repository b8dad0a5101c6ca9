// Draws the charts in the page's own colours and follows the theme and the width of the page.
(() => {
  const root = document.documentElement;
  const button = document.querySelector("button.theme");
  const preference = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : preference.matches);
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const drawn = [];

  const template = () => {
    const axis = {
      gridcolor: colour("--line"),
      linecolor: colour("--line"),
      zerolinecolor: colour("--line"),
      tickcolor: colour("--line"),
      automargin: true,
      title: { standoff: 8 },
    };
    return {
      layout: {
        font: { family: colour("--sans"), size: 12, color: colour("--soft") },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        hoverlabel: {
          bgcolor: colour("--card"),
          bordercolor: colour("--line"),
          font: { color: colour("--text"), family: colour("--sans") },
        },
        xaxis: axis,
        yaxis: axis,
      },
    };
  };

  const showTheme = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    button.textContent = isDark() ? "Light theme" : "Dark theme";
    drawn.forEach((element) => Plotly.relayout(element, { template: template() }));
  };

  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("report-theme", root.dataset.theme);
    } catch {
      // See theme.js.
    }
    showTheme();
  });
  preference.addEventListener("change", showTheme);

  const source = document.getElementById("figure-data");
  const figures = source ? JSON.parse(source.textContent) : {};
  const config = { displaylogo: false, responsive: true, displayModeBar: false };
  document.querySelectorAll("[data-figure]").forEach((element) => {
    const { data, layout } = figures[element.dataset.figure];
    Plotly.newPlot(element, data, { ...layout, template: template(), autosize: true }, config);
    drawn.push(element);
  });

  // Paper is white whatever the theme; the charts' colours are not CSS, so they are set for it.
  let onScreen;
  addEventListener("beforeprint", () => {
    onScreen = root.dataset.theme;
    root.dataset.theme = "light";
    showTheme();
  });
  addEventListener("afterprint", () => {
    if (onScreen) root.dataset.theme = onScreen;
    else delete root.dataset.theme;
    showTheme();
  });
  showTheme();
})();
