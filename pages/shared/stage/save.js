// Pictures and numbers of a figure as files, made in the browser: white, whatever the app's theme.

const PAPER = {
  dark: false, background: "#ffffff", text: "#1c2430", muted: "#4a5260", grid: "rgba(28,36,48,0.1)",
  line: "rgba(28,36,48,0.25)", kink: "rgba(20,26,36,0.42)", font: "Inter, Arial, sans-serif",
};

const SAVE = "M11 4h2v8h3l-4 5-4-5h3zM5 18h14v2H5z"; // the icon of the button that saves

/** Hand a file to the visitor. */
function download(name, url) {
  const link = make("a", { href: url, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  if (url.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

const saveText = (name, text, type) => download(name, URL.createObjectURL(new Blob([text], { type })));

/** Figures as SVG text, one below the other: `[{data, layout, width, height}]`. */
async function svgOf(Plotly, figures) {
  let top = 0;
  const parts = [];
  for (const { data, layout, width, height } of figures) {
    const url = await Plotly.toImage({ data, layout }, { format: "svg", width, height });
    const text = decodeURIComponent(url.slice(url.indexOf(",") + 1));
    parts.push(text.replace(/<svg /, `<svg y="${top}" `));
    top += height;
  }
  const width = Math.max(...figures.map((f) => f.width));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top}" viewBox="0 0 ${width} ${top}">`
    + `<metadata>${escaped(location.href)}</metadata><rect width="100%" height="100%" fill="#fff"/>${parts.join("")}</svg>`;
}

/** Save an SVG's text as a picture of the format asked for. */
async function saveSvg(name, svg, format) {
  if (format === "svg") return saveText(`${name}.svg`, svg, "image/svg+xml");
  const picture = new Image();
  picture.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  await picture.decode();
  const canvas = make("canvas", { width: picture.width * 2, height: picture.height * 2 });
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  download(`${name}.png`, canvas.toDataURL("image/png"));
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** Rows of cells as CSV, below the address that shows them. */
function csvOf(rows) {
  const cell = (v) => {
    if (v == null || (typeof v === "number" && Number.isNaN(v))) return "";
    const text = plainText(v);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [`# ${location.href}`, ...rows.map((row) => row.map(cell).join(","))].join("\n") + "\n";
}

/** The numbers behind Plotly's traces, as it has read them: one row for each point. */
function rowsOf(traces) {
  const rows = [["trace", "name", "x", "y", "z"]];
  traces.forEach((trace, i) => {
    if (trace.visible === false || trace.visible === "legendonly") return;
    const name = trace.name ?? "";
    if (trace.z?.[0]?.length !== undefined) {
      trace.z.forEach((line, r) => Array.from(line).forEach((z, c) => rows.push([i, name, trace.x?.[c] ?? c, trace.y?.[r] ?? r, z])));
      return;
    }
    const [a, b] = trace.r ? [trace.theta, trace.r] : [trace.x, trace.y];
    const n = Math.max(a?.length ?? 0, b?.length ?? 0);
    for (let j = 0; j < n; j++) rows.push([i, name, a?.[j] ?? j, b?.[j] ?? j, trace.z?.[j] ?? ""]);
  });
  return rows;
}

/** A menu below a button, closed by a choice, Escape or a press elsewhere. */
function saveMenu(button, entries) {
  const life = new AbortController();
  const close = () => { life.abort(); menu.remove(); };
  const menu = make("div", { class: "sadam-save", role: "group", "aria-label": "Save" },
    ...entries.map(([label, act]) => make("button", { type: "button", onclick: () => { close(); act(); } }, label)));
  const box = button.getBoundingClientRect();
  document.body.append(menu);
  menu.style.top = `${box.bottom + scrollY + 4}px`;
  menu.style.left = `${Math.max(8, box.right + scrollX - menu.offsetWidth)}px`;
  const { backgroundColor, color, fontFamily } = getComputedStyle(document.querySelector(".stApp") ?? document.body);
  Object.assign(menu.style, { backgroundColor, color, fontFamily });
  const { signal } = life;
  window.addEventListener("pointerdown", (e) => menu.contains(e.target) || close(), { signal, capture: true });
  window.addEventListener("keydown", (e) => { if (e.key === "Escape") { close(); button.focus?.(); } }, { signal });
  menu.querySelector("button").focus();
}
