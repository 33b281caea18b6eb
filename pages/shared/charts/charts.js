// A figure of the lab in the theme's colours; the node stays while the numbers change.

const HEIGHT = 420; // of a figure that says nothing of it
const ROWS = 3; // of a legend, for which a figure's height has room
const TALLEST = 1.25; // height of axes with a common scale over their width
const BUTTON = 30; // room for the button above a figure without a title
const WITHOUT_LEGEND = new Set(["heatmap", "contour"]);

/** A colour behind others: as clear as the one it stands for. */
const veiled = (colour, alpha) => `rgba(${rgba(colour).slice(0, 3)},${alpha})`;

/** Set something deep inside, copying what is on the way. */
function put(part, [name, ...rest], value) {
  if (!rest.length) part[name] = value;
  else put((part[name] = { ...part[name] }), rest, value);
}

class Chart {
  constructor(parent) {
    this.box = make("div", { class: "box" });
    this.title = make("p", { class: "title" });
    this.trouble = make("p", { class: "trouble", role: "alert", hidden: true });
    const save = make("button", {
      type: "button", class: "tool", title: "Save picture and numbers", onclick: () => this.#menu(save),
    }, icon(SAVE));
    this.save = save;
    this.root = make("div", { class: "sadam-stage sadam-chart" }, make("div", { class: "head" }, this.title, save),
      this.trouble, make("div", { class: "scroll" }, this.box));
    parent.append(this.root);
    this.watch = new ResizeObserver(() => {
      clearTimeout(this.resizing);
      this.resizing = setTimeout(() => this.#draw().catch((e) => this.fail(e)), 60);
    });
    this.watch.observe(this.root);
  }

  async update(bytes, send) {
    this.send = send;
    if (bytes !== this.bytes) this.data = JSON.parse(new TextDecoder().decode(bytes));
    this.bytes = bytes;
    const theme = readTheme(this.root);
    const skin = JSON.stringify(theme);
    if (this.data.stamp === this.stamp && skin === this.skin) return;
    Object.assign(this, { stamp: this.data.stamp, skin, theme, width: null });
    const { assets, data, name, title } = this.data.body;
    this.title.textContent = plainText(title);
    this.root.classList.toggle("untitled", !title);
    this.save.setAttribute("aria-label", `Save picture and numbers of “${plainText(name)}”`);
    const room = this.#dressed(theme, this.#widthNow()).height; // the page does not jump when it is drawn
    this.box.style.minHeight = `${room}px`;
    this.Plotly = await loadPlotly(assets, data);
    await this.#draw();
  }

  #trace(trace, theme) {
    const out = { ...trace };
    const { color_dark: lighter, dark = {} } = (theme.dark && trace.meta) || {};
    if (lighter) {
      for (const part of ["line", "marker", "error_x", "error_y"])
        if (out[part]) out[part] = { ...out[part], color: lighter };
      if (out.fillcolor) out.fillcolor = veiled(lighter, rgba(out.fillcolor)[3] / 255);
    }
    for (const [path, value] of Object.entries(dark)) put(out, path.split("."), value);
    if (out.colorbar)
      out.colorbar = { thickness: 10, outlinewidth: 0, ...out.colorbar, tickfont: { color: theme.muted, size: 11 },
        title: { ...titleOf(out.colorbar), font: { color: theme.muted, size: 12 } } };
    return out;
  }

  /** The legend in rows below the axes, and the room that it and the axis title take. */
  #legend(data, layout, width, theme, axisRoom) {
    const names = data.filter((t) => t.name && t.showlegend !== false && !WITHOUT_LEGEND.has(t.type)).map((t) => t.name);
    if (!names.length || layout.showlegend === false) return null;
    const widest = 58 + 7.2 * Math.max(...names.map((name) => name.length));
    const rows = Math.ceil(names.length / Math.max(1, Math.floor((width - 20) / widest)));
    const font = { color: theme.text, size: 12 };
    const look = { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0, xref: "container", traceorder: "normal", font };
    return {
      look: { ...look, bgcolor: "rgba(0,0,0,0)", entrywidth: widest - 40 },
      room: axisRoom + 18 + 20 * rows,
      more: 20 * Math.max(0, rows - ROWS), // on a narrow screen the legend must not eat the figure
    };
  }

  #widthNow() {
    return Math.max(this.data.body.least, this.root.clientWidth);
  }

  /** Dragging zooms with a mouse; a finger scrolls the page, and clicks have another meaning. */
  #canZoom() {
    return !this.data.body.clicks && matchMedia("(pointer: fine)").matches;
  }

  /** What Plotly draws: the figure in a theme's colours, `top` pixels of room above it. */
  #dressed(theme, width, top = 0) {
    const { data, layout, title } = this.data.body;
    const bare = layout.xaxis?.visible === false; // no axes, no room for their words
    const axisRoom = bare ? 10 : 46;
    const legend = this.#legend(data, layout, width, theme, axisRoom);
    const onTop = layout.xaxis?.side === "top";
    const heads = (layout.annotations ?? []).some((a) => a.yanchor === "bottom" && a.yref === "paper");
    const margin = {
      l: bare ? 16 : 60, r: 16,
      t: (top || (title ? 0 : BUTTON)) + (heads || onTop ? 40 : 10), b: legend ? legend.room : onTop ? 10 : axisRoom,
    };
    const most = layout.yaxis?.scaleanchor ? TALLEST * (width - margin.l - margin.r) + margin.t + margin.b : Infinity;
    const wanted = top + (layout.height ?? HEIGHT) - (legend ? Math.max(0, (layout.margin?.b ?? 0) - legend.room) : 0);
    const height = Math.round(Math.min(wanted + (legend?.more ?? 0), most));
    const dressed = dressLayout(layout, theme, {
      width, height, margin, dragmode: this.#canZoom() ? "zoom" : false, hovermode: layout.hovermode ?? "closest",
      ...(legend ? { legend: legend.look } : {}),
    });
    for (const note of dressed.annotations ?? []) note.font = { ...note.font, size: 12.5, color: theme.text };
    return { data: data.map((t) => this.#trace(t, theme)), layout: dressed, width, height };
  }

  /** The numbers behind the figure: of a polar one, angles and values rather than places. */
  #numbers() {
    const traces = this.box._fullData.filter((t) => t.meta?.role !== "grid");
    if (!this.data.body.layout.meta?.polar) return rowsOf(traces);
    const column = ({ customdata = [] }, i) => Array.from(customdata, (row) => row[i]);
    const [, ...rows] = rowsOf(traces.map((t) => ({ ...t, theta: column(t, 0), r: column(t, 1) })));
    return [["trace", "name", "degrees", "value"], ...rows.map((row) => row.slice(0, 4))];
  }

  #menu(button) {
    if (!this.Plotly) return;
    const { name: words, title } = this.data.body;
    const name = plainText(words).trim().toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "figure";
    const picture = async (format) => {
      const figure = this.#dressed(PAPER, Math.max(640, this.width), 34);
      figure.layout.title = {
        text: title, font: { size: 15, color: PAPER.text }, pad: { l: 16, t: 12 },
        x: 0, xanchor: "left", y: 1, yanchor: "top", yref: "container",
      };
      await saveSvg(name, await svgOf(this.Plotly, [figure]), format);
    };
    saveMenu(button, [
      ["Save as PNG", () => picture("png").catch((e) => this.fail(e))],
      ["Save as SVG", () => picture("svg").catch((e) => this.fail(e))],
      ["Save the numbers (CSV)", () => saveText(`${name}.csv`, csvOf(this.#numbers()), "text/csv")],
    ]);
  }

  async #draw() {
    if (!this.root.isConnected || !this.data || !this.Plotly) return;
    const { clicks, name } = this.data.body;
    const width = this.#widthNow();
    if (this.root.clientWidth < 40 || width === this.width) return;
    this.width = width;
    const { data, layout, height } = this.#dressed(this.theme, width);
    this.box.style.width = `${width}px`;
    this.box.style.height = this.box.style.minHeight = `${height}px`;
    this.box.setAttribute("role", "img");
    this.box.setAttribute("aria-label", plainText(this.data.body.layout.meta?.summary ?? name));
    await this.Plotly.react(this.box, data, layout, {
      displaylogo: false, displayModeBar: false, doubleClick: "reset",
    });
    this.root.classList.toggle("clicks", clicks);
    if (!this.wired) {
      this.wired = true;
      this.box.on("plotly_click", ({ points: [point] }) => {
        if (!this.data.body.clicks || !point) return;
        const { meta } = this.data.body.data[point.curveNumber] ?? {};
        const index = point.pointIndex ?? point.pointNumber;
        this.send?.("click", { meta: meta ?? {}, index, x: point.x, y: point.y });
      });
    }
    this.trouble.hidden = true;
    this.root.dataset.stamp = this.stamp;
    this.root.dataset.ready = "true";
  }

  fail(error) {
    console.error(error);
    this.trouble.textContent = `The figure could not be drawn: ${error.message ?? error}. Reload the page to try again.`;
    this.trouble.hidden = false;
  }

  destroy() {
    this.watch.disconnect();
    clearTimeout(this.resizing);
    this.Plotly?.purge(this.box);
    this.root.remove();
  }
}

export default mounted(Chart);
