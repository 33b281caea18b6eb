// What Streamlit's own charts lack: SVG and numbers beside the PNG, and words for screen readers.

/** A figure that Streamlit drew, white and in the colours of a light screen. */
function onPaper(chart) {
  const { light = {} } = chart.layout.meta ?? {};
  const text = JSON.stringify([chart.data, { ...chart.layout, template: null }]);
  const [data, layout] = JSON.parse(text.replace(/#[0-9A-F]{6}/g, (c) => light[c] ?? c));
  const [width, height] = [Math.max(640, Math.round(chart.clientWidth)), Math.round(chart.clientHeight)];
  const { margin } = chart._fullLayout;
  const dressed = dressLayout(layout, PAPER, { width, height, margin: { ...margin, l: Math.max(60, margin.l), b: Math.max(50, margin.b) } });
  return { data, layout: { ...dressed, title: layout.title, xaxis: layout.xaxis && dressed.xaxis, yaxis: layout.yaxis && dressed.yaxis }, width, height };
}

function chartMenu(button, chart, assets) {
  const title = plainText(titleOf(chart.layout).text) || chart.layout.meta?.title || "figure";
  const name = title.trim().toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const picture = async (format) => {
    const Plotly = await loadPlotly(assets, chart.data);
    await saveSvg(name, await svgOf(Plotly, [onPaper(chart)]), format);
  };
  saveMenu(button, [
    ["Save as PNG", () => picture("png")],
    ["Save as SVG", () => picture("svg")],
    ["Save the numbers (CSV)", () => saveText(`${name}.csv`, csvOf(rowsOf(chart._fullData)), "text/csv")],
  ]);
}

/** Say in words what a chart shows, where its figure does. */
function describe() {
  for (const box of document.querySelectorAll(".stPlotlyChart")) {
    const layout = box.querySelector(".js-plotly-plot")?.layout;
    const words = layout?.meta?.summary ?? (plainText(titleOf(layout).text) || layout?.meta?.title);
    if (!words || box.ariaLabel === words) continue;
    box.setAttribute("role", "figure");
    box.setAttribute("aria-label", words);
  }
}

/** Once per page load, for all charts that come. */
function helpCharts(data) {
  if (SHELF.charts) return;
  SHELF.charts = true;
  window.addEventListener("click", (e) => {
    const button = e.target.closest?.('.stPlotlyChart .modebar-btn[data-title^="Download plot"]');
    const chart = button?.closest(".js-plotly-plot");
    if (!chart) return;
    e.stopPropagation(); // instead of Plotly's own
    chartMenu(button, chart, data.assets);
  }, { capture: true });
  let due = 0;
  new MutationObserver(() => { due ||= setTimeout(() => { due = 0; describe(); }, 400); })
    .observe(document.body, { childList: true, subtree: true });
}
