// Mounted at the top of the app: plotly.js is fetched and read while Python is still busy, or, on a
// page that needs none of it, once that page has been drawn.

export default function ({ data, parentElement }) {
  parentElement.classList.add("sadam-preload");
  const load = () => loadPlotly(data.assets).catch(() => {}); // the stage tries again, and says so if it fails
  if (data.wait) setTimeout(load, data.wait);
  else load();
}
