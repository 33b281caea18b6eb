// A figure of the lab in the theme's colours; the node stays while the numbers change.

class Plot {
  constructor(parent) {
    this.box = make("div", { class: "box" });
    this.title = make("p", { class: "title" });
    this.trouble = make("p", { class: "trouble", role: "alert", hidden: true });
    const save = make("button", {
      type: "button", class: "tool", title: "Save picture and numbers", onclick: () => this.#menu(save),
    }, icon(SAVE));
    this.save = save;
    this.root = make("div", { class: "sadam-stage sadam-plot" }, make("div", { class: "head" }, this.title, save),
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
    const { label } = this.data.body;
    this.title.textContent = plainText(label);
    this.save.setAttribute("aria-label", `Save picture and numbers of “${plainText(label)}”`);
    this.Plotly ??= await loadPlotly(this.data.body.assets);
    await this.#draw();
  }

  #trace(trace, theme) {
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
  #legend(data, layout, width, theme) {
    const names = data.filter((t) => t.name && t.showlegend !== false && t.type !== "heatmap").map((t) => t.name);
    if (!names.length || layout.showlegend === false) return null;
    const widest = 58 + 7.2 * Math.max(...names.map((name) => name.length));
    const rows = Math.ceil(names.length / Math.max(1, Math.floor((width - 20) / widest)));
    const font = { color: theme.text, size: 12 };
    const look = { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0, xref: "container", traceorder: "normal", font };
    return { look: { ...look, bgcolor: "rgba(0,0,0,0)", entrywidth: widest - 40 }, room: 64 + 20 * rows };
  }

  /** What Plotly draws: the figure in a theme's colours, `top` pixels of room above it. */
  #dressed(theme, width, top = 0) {
    const { data, layout } = this.data.body;
    const legend = this.#legend(data, layout, width, theme);
    const height = top + (layout.height ?? 420) - (legend ? Math.max(0, (layout.margin?.b ?? 80) - legend.room) : 0);
    const heads = (layout.annotations ?? []).some((a) => a.yanchor === "bottom" && a.yref === "paper");
    const dressed = dressLayout(layout, theme, {
      width, height, dragmode: false, hovermode: layout.hovermode ?? "closest",
      margin: { l: 60, r: 16, t: top + (heads ? 40 : 10), b: legend ? legend.room : 46 },
      ...(legend ? { legend: legend.look } : {}),
    });
    for (const note of dressed.annotations ?? []) note.font = { ...note.font, size: 12.5, color: theme.text };
    return { data: data.map((t) => this.#trace(t, theme)), layout: dressed, width, height };
  }

  #menu(button) {
    if (!this.Plotly) return;
    const { layout, label } = this.data.body;
    const name = plainText(label).trim().toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "figure";
    const picture = async (format) => {
      const figure = this.#dressed(PAPER, Math.max(640, this.width), 34);
      figure.layout.title = {
        text: titleOf(layout).text, font: { size: 15, color: PAPER.text }, pad: { l: 16, t: 12 },
        x: 0, xanchor: "left", y: 1, yanchor: "top", yref: "container",
      };
      await saveSvg(name, await svgOf(this.Plotly, [figure]), format);
    };
    saveMenu(button, [
      ["Save as PNG", () => picture("png").catch((e) => this.fail(e))],
      ["Save as SVG", () => picture("svg").catch((e) => this.fail(e))],
      ["Save the numbers (CSV)", () => saveText(`${name}.csv`, csvOf(rowsOf(this.box._fullData)), "text/csv")],
    ]);
  }

  async #draw() {
    if (!this.root.isConnected || !this.data || !this.Plotly) return;
    const { least, clicks, label } = this.data.body;
    const width = Math.max(least, this.root.clientWidth);
    if (this.root.clientWidth < 40 || width === this.width) return;
    this.width = width;
    const { data, layout, height } = this.#dressed(this.theme, width);
    this.box.style.width = `${width}px`;
    this.box.style.height = `${height}px`;
    this.box.setAttribute("role", "img");
    this.box.setAttribute("aria-label", label);
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

export default mounted(Plot);
