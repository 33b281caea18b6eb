// A figure of the lab in the theme's colours; the node stays while the numbers change.

class Plot {
  constructor(parent) {
    this.box = make("div", { class: "box" });
    this.trouble = make("p", { class: "trouble", role: "alert", hidden: true });
    this.root = make("div", { class: "sadam-stage sadam-plot" }, this.trouble, make("div", { class: "scroll" }, this.box));
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
    this.Plotly ??= await loadPlotly(this.data.body.assets);
    await this.#draw();
  }

  #dress(trace) {
    const { theme } = this;
    const out = { ...trace };
    const lighter = theme.dark && trace.meta?.color_dark;
    if (lighter) {
      if (out.line) out.line = { ...out.line, color: lighter };
      if (out.marker) out.marker = { ...out.marker, color: lighter };
      if (out.error_x) out.error_x = { ...out.error_x, color: lighter };
      if (out.fillcolor) out.fillcolor = lighter;
    }
    if (out.colorbar)
      out.colorbar = { thickness: 10, outlinewidth: 0, ...out.colorbar, tickfont: { color: theme.muted, size: 11 },
        title: { ...titleOf(out.colorbar), font: { color: theme.muted, size: 12 } } };
    return out;
  }

  /** The legend in rows below the axes, and the room that it and the axis title take. */
  #legend(data, layout, width) {
    const names = data.filter((t) => t.name && t.showlegend !== false && t.type !== "heatmap").map((t) => t.name);
    if (!names.length || layout.showlegend === false) return null;
    const widest = 58 + 7.2 * Math.max(...names.map((name) => name.length));
    const rows = Math.ceil(names.length / Math.max(1, Math.floor((width - 20) / widest)));
    const font = { color: this.theme.text, size: 12 };
    const look = { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0, xref: "container", traceorder: "normal", font };
    return { look: { ...look, bgcolor: "rgba(0,0,0,0)", entrywidth: widest - 40 }, room: 64 + 20 * rows };
  }

  async #draw() {
    if (!this.root.isConnected || !this.data || !this.Plotly) return;
    const { data, layout, least, clicks, label } = this.data.body;
    const width = Math.max(least, this.root.clientWidth);
    if (this.root.clientWidth < 40 || width === this.width) return;
    this.width = width;
    const legend = this.#legend(data, layout, width);
    const height = (layout.height ?? 420) - (legend ? Math.max(0, (layout.margin?.b ?? 80) - legend.room) : 0);
    this.box.style.width = `${width}px`;
    this.box.style.height = `${height}px`;
    this.box.setAttribute("role", "img");
    this.box.setAttribute("aria-label", label);
    const top = (layout.annotations ?? []).some((a) => a.yanchor === "bottom" && a.yref === "paper") ? 40 : 10;
    const dressed = dressLayout(layout, this.theme, {
      width, height, dragmode: false, hovermode: layout.hovermode ?? "closest",
      margin: { l: 60, r: 16, t: top, b: legend ? legend.room : 46 },
      ...(legend ? { legend: legend.look } : {}),
    });
    for (const note of dressed.annotations ?? []) note.font = { ...note.font, size: 12.5, color: this.theme.text };
    await this.Plotly.react(this.box, data.map((t) => this.#dress(t)), dressed, {
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

/** Streamlit calls this on every rerun and change of theme; one instance per mount. */
export default async function ({ data, parentElement, setTriggerValue }) {
  const plot = (parentElement.sadamPlot ??= new Plot(parentElement));
  try {
    await plot.update(data, setTriggerValue);
  } catch (error) {
    plot.fail(error);
  }
  return () => {
    plot.destroy();
    delete parentElement.sadamPlot;
  };
}
