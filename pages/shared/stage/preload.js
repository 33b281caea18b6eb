// Mounted at the top of the app: plotly.js is fetched and read while Python is still busy.

export default function ({ data, parentElement }) {
  parentElement.classList.add("sadam-preload");
  loadPlotly(data).catch(() => {}); // the stage tries again, and says so if it fails
}
