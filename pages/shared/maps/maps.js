// Maps side by side: colours on a canvas, axes and lines by Plotly, one zoom for all.

const FINGERS = matchMedia("(pointer: coarse)");
const WHOLE = "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z";
const HOLE = "#9A9AA6"; // where a map knows nothing: grey, which is in no scale
const PLUS = "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z";
const MINUS = "M5 11h14v2H5z";
const AXIS = { showgrid: false, exponentformat: "power" };

/** Where a cell's middle lies, given the outer ends of all. */
const middle = ([from, to], i, n) => from + ((i + 0.5) * (to - from)) / n;

/** Pictures with their titles as one SVG, from left to right. */
function beside(pictures) {
  let left = 0;
  const parts = pictures.map(({ title, svg, width }) => {
    const part = `<g transform="translate(${left})"><text x="46" y="20" font-family="Inter, Arial, sans-serif" `
      + `font-size="14" font-weight="600" fill="${PAPER.text}">${escaped(title)}</text><g transform="translate(0,30)">${svg}</g></g>`;
    left += width;
    return part;
  });
  const tall = Math.max(...pictures.map(({ height }) => height)) + 30;
  return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${left}" height="${tall}" `
    + `viewBox="0 0 ${left} ${tall}"><metadata>${escaped(location.href)}</metadata><rect width="100%" height="100%" fill="#fff"/>${parts.join("")}</svg>`;
}

/** One map: heading, picture, colour bar. */
class MapPane {
  constructor(maps) {
    this.maps = maps;
    this.heading = make("div", { class: "title" });
    this.note = make("div", { class: "note" });
    this.floor = make("canvas", { class: "layer", "aria-hidden": "true" });
    this.plot = make("div", { class: "plot" });
    this.across = make("i", { class: "hair across" });
    this.down = make("i", { class: "hair down" });
    this.tip = make("div", { class: "tip", hidden: true });
    this.frame = make("div", { class: "frame", role: "img" }, this.floor, this.plot, this.across, this.down, this.tip);
    this.bar = make("div", { class: "bar" });
    this.root = make("div", { class: "pane" }, this.heading, this.note, this.frame, this.bar);
    this.#wire();
  }

  setData(data) {
    const grown = { ...data.values };
    this.title = data.title;
    this.unit = data.unit;
    this.scales = data.scales;
    const [x, y] = this.maps.axes(grown.shape);
    this.grid = new Grid({ z: grown, x, y, zmin: data.limits[0], zmax: data.limits[1] });
    this.holes = this.grid.z.some((v) => v !== v);
    this.heading.textContent = data.title;
    const parts = data.note.split(/\*\*(.+?)\*\*/g);
    this.note.replaceChildren(...parts.map((part, i) => (i % 2 ? make("strong", {}, part) : part)));
    this.frame.setAttribute("aria-label", `${data.title}. ${data.note.replaceAll("**", "")}`);
  }

  get scale() { return this.scales[this.maps.theme.dark ? "dark" : "light"]; }

  get full() { return this.plot._fullLayout; }

  /** Axes and lines; the zoom of the other maps is taken over. */
  async draw(ranges) {
    const { theme, base, Plotly } = this.maps;
    const { clientWidth: width, clientHeight: height } = this.frame;
    if (width < 40 || height < 40) return;
    const own = (line) => (theme.dark && line.color_dark) || line.color || theme.text;
    const lines = base.lines.map((line) => ({
      type: "scatter", mode: line.role === "mark" ? "markers" : "lines", x: line.x, y: line.y, hoverinfo: "skip", name: line.name,
      opacity: line.role === "path" ? 0.9 : 1,
      marker: { symbol: line.symbol, size: line.size ?? 11, color: own(line), opacity: 1, line: { width: 1.5, color: theme.background } },
      line: {
        color: line.role === "path" ? own(line)
          : line.role === "kink" ? (theme.dark ? "rgba(255,255,255,0.5)" : "rgba(20,26,36,0.5)")
          : theme.dark ? "rgba(255,255,255,0.22)" : "rgba(20,26,36,0.24)",
        width: line.width ?? (line.role === "kink" ? 1 : 0.7), dash: line.dash,
      },
    }));
    if (base.point) {
      const [x, y] = base.point.map((v) => [v]);
      const ring = (size, color, thick) => lines.push({
        type: "scatter", mode: "markers", x, y, hoverinfo: "skip",
        marker: { symbol: "circle-open", size, color, line: { width: thick, color } },
      });
      ring(15, theme.background, 5);
      ring(15, theme.text, 2);
    }
    const zoomed = this.maps.zoomed;
    const layout = dressLayout(
      { xaxis: { range: ranges[0], title: "x", ...AXIS }, yaxis: { range: ranges[1], title: "y", ...AXIS } },
      theme, {
        width, height, margin: { l: 46, r: 6, t: 6, b: 38 }, showlegend: false, hovermode: false,
        dragmode: FINGERS.matches ? (zoomed ? "pan" : false) : "zoom",
      },
    );
    await Plotly.react(this.plot, lines, layout, {
      displayModeBar: false, scrollZoom: true, doubleClick: false, displaylogo: false,
    });
    if (!this.wired) {
      this.wired = true;
      for (const event of ["plotly_relayout", "plotly_relayouting"])
        this.plot.on(event, () => this.maps.moved(this));
    }
    this.paint();
  }

  /** The colours, below the lines. */
  paint() {
    if (!this.full || !this.grid) return;
    const { xaxis, yaxis, width, height } = this.full;
    const ctx = sharpContext(this.floor, width, height);
    ctx.save();
    ctx.beginPath();
    ctx.rect(xaxis._offset, yaxis._offset, xaxis._length, yaxis._length);
    ctx.clip();
    this.grid.paint(this.scale);
    if (this.holes) {
      const [[left, right], [low, high]] = [this.grid.x.map((v) => onAxis(xaxis, v)), this.grid.y.map((v) => onAxis(yaxis, v))];
      ctx.fillStyle = HOLE;
      ctx.fillRect(left, low, right - left, high - low);
    }
    this.grid.draw(ctx, xaxis, yaxis);
    ctx.restore();
    this.#bar();
  }

  /** The map as it is, in light colours, as SVG. */
  async onPaper(ranges) {
    await this.draw(ranges);
    const { width, height } = this.full;
    const url = await this.maps.Plotly.toImage(this.plot, { format: "svg", width, height });
    const lines = decodeURIComponent(url.slice(url.indexOf(",") + 1));
    const floor = `<image width="${width}" height="${height}" xlink:href="${this.floor.toDataURL("image/png")}"/>`;
    return { title: this.title, svg: floor + lines, width, height };
  }

  #bar() {
    const { low, high } = this.grid;
    const stops = this.scale.map(([at, colour]) => `${colour} ${100 * at}%`).join(",");
    this.bar.replaceChildren(
      make("span", { class: "unit" }, this.unit),
      make("span", {}, pretty(low)),
      make("span", { class: "ramp", style: `background:linear-gradient(to right,${stops})` }),
      make("span", {}, pretty(high)),
      ...(this.holes ? [make("span", { class: "hole", style: `background:${HOLE}` }), make("span", {}, "not finite")] : []),
    );
  }

  /** The value at a point of the map, or null outside. */
  valueAt([x, y]) {
    const { grid } = this;
    const column = Math.floor(((x - grid.x[0]) / (grid.x[1] - grid.x[0])) * grid.columns);
    const row = Math.floor(((y - grid.y[0]) / (grid.y[1] - grid.y[0])) * grid.rows);
    if (column < 0 || row < 0 || column >= grid.columns || row >= grid.rows) return null;
    return grid.z[row * grid.columns + column];
  }

  /** Show the crosshair and the value at a point; null hides both. */
  tell(point) {
    const value = point && this.full ? this.valueAt(point) : null;
    for (const part of [this.across, this.down, this.tip]) part.hidden = value === null;
    if (value === null) return;
    const { xaxis, yaxis } = this.full;
    const [px, py] = [onAxis(xaxis, point[0]), onAxis(yaxis, point[1])];
    Object.assign(this.across.style, { left: `${xaxis._offset}px`, width: `${xaxis._length}px`, top: `${py}px` });
    Object.assign(this.down.style, { top: `${yaxis._offset}px`, height: `${yaxis._length}px`, left: `${px}px` });
    this.tip.replaceChildren(make("b", {}, value === value ? pretty(value) : "not finite"), ` at (${pretty(point[0])}, ${pretty(point[1])})`);
    const right = px > xaxis._offset + xaxis._length / 2;
    const low = py > yaxis._offset + yaxis._length / 2;
    this.tip.style.transform = `translate(${px}px,${py}px) translate(${right ? "calc(-100% - 8px)" : "8px"},${low ? "calc(-100% - 8px)" : "8px"})`;
  }

  #pointOf(e) {
    const rect = this.plot.getBoundingClientRect();
    return [fromAxis(this.full.xaxis, e.clientX - rect.left), fromAxis(this.full.yaxis, e.clientY - rect.top)];
  }

  #wire() {
    const { signal } = this.maps.life;
    const on = (node, name, does, how = {}) => node.addEventListener(name, does, { signal, ...how });
    let down = null;
    const far = (e) => down && Math.hypot(e.clientX - down.x, e.clientY - down.y) >= 4;
    on(this.frame, "pointerdown", (e) => {
      const inside = e.target.closest?.(".nsewdrag") && e.button === 0 && e.isPrimary;
      down = inside ? { x: e.clientX, y: e.clientY, t: performance.now() } : null;
    }, { capture: true });
    on(window, "pointerup", (e) => {
      if (down && !far(e) && performance.now() - down.t < 800) {
        const [x, y] = this.#pointOf(e);
        this.maps.send?.("click", { x, y });
      }
      down = null;
    }, { capture: true });
    on(window, "pointercancel", () => (down = null), { capture: true });
    on(this.frame, "pointermove", (e) => {
      const inside = this.full && e.target.closest?.(".nsewdrag") && !far(e);
      this.maps.tell(inside ? this.#pointOf(e) : null);
    }, { capture: true });
    on(this.frame, "pointerleave", () => this.maps.tell(null));
    // The wheel scrolls the page; with Ctrl, as everywhere, it zooms.
    on(this.frame, "wheel", (e) => { if (!e.ctrlKey && !e.metaKey) e.stopPropagation(); }, { capture: true, passive: true });
  }

  destroy() {
    this.maps.Plotly?.purge(this.plot);
    this.root.remove();
  }
}

class Maps {
  constructor(parent) {
    this.life = new AbortController();
    this.panes = [];
    const tool = (label, path, does, cls = "") => {
      const button = make("button", { type: "button", class: `tool ${cls}`, title: label, "aria-label": label, onclick: does });
      button.append(icon(path));
      return button;
    };
    this.grid = make("div", { class: "grid" });
    this.legend = make("div", { class: "legend" });
    this.trouble = make("p", { class: "trouble", role: "alert", hidden: true });
    this.tools = make("div", { class: "tools" },
      tool("Show the whole window", WHOLE, () => this.zoom(this.base.window), "when-zoomed"),
      tool("Zoom in", PLUS, () => this.scaleBy(0.5)),
      tool("Zoom out", MINUS, () => this.scaleBy(2)),
      tool("Save pictures and numbers", SAVE, (e) => saveMenu(e.currentTarget, [
        ["Maps as PNG", () => this.#save("png")], ["Maps as SVG", () => this.#save("svg")],
        ["Maps as numbers (CSV)", () => saveText(`${this.facts.filename}.csv`, csvOf(this.#rows()), "text/csv")],
      ])));
    this.root = make("div", { class: "sadam-maps" }, this.trouble, this.grid, make("div", { class: "foot" }, this.legend, this.tools));
    parent.append(this.root);
    this.watch = new ResizeObserver(() => {
      clearTimeout(this.resizing);
      this.resizing = setTimeout(() => this.#resize(), 60);
    });
    this.watch.observe(this.grid);
  }

  /** Called for every rerun and every change of theme. */
  async update(bytes, send) {
    this.send = send;
    const data = bytes === this.bytes ? this.data : JSON.parse(new TextDecoder().decode(bytes));
    this.bytes = bytes;
    const theme = readTheme(this.root);
    const skin = JSON.stringify(theme);
    if (data.stamp === this.data?.stamp && skin === this.skin) return;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    delete this.root.dataset.ready;
    if (!this.Plotly) this.#arrange(data.panes); // what stands below has its place while it loads
    this.Plotly ??= await loadPlotly(data.facts.assets);
    if (turn !== this.turn || this.life.signal.aborted) return;
    const moved = JSON.stringify(data.base.window) !== JSON.stringify(this.data?.base.window);
    const redraw = data.look !== this.data?.look || skin !== this.skin || data.panes.length !== this.panes.length;
    const ranges = moved ? data.base.window : this.ranges;
    Object.assign(this, { data, theme, skin, base: data.base, facts: data.facts });
    this.root.classList.toggle("dark", theme.dark);
    this.#arrange(data.panes);
    this.grid.setAttribute("aria-label", data.facts.label);
    this.panes.forEach((pane, i) => pane.setData(data.panes[i]));
    this.root.classList.toggle("zoomed", this.differs(ranges));
    this.ranges = ranges;
    for (const pane of this.panes) {
      if (redraw || !pane.full) await pane.draw(ranges);
      else pane.paint();
    }
    this.#legend();
    if (turn !== this.turn) return;
    this.root.dataset.stamp = data.stamp;
    this.root.dataset.ready = "true";
  }

  /** A pane for each map. */
  #arrange(given) {
    while (this.panes.length > given.length) this.panes.pop().destroy();
    while (this.panes.length < given.length) {
      const pane = new MapPane(this);
      pane.heading.textContent = given[this.panes.length].title;
      this.panes.push(pane);
      this.grid.append(pane.root);
    }
    this.grid.classList.toggle("single", this.panes.length === 1);
  }

  /** Coordinates of the first and last cell's centre, which is all that a Grid needs. */
  axes(shape) {
    const [rows, columns] = String(shape).split(",").map(Number);
    const line = ([low, high], n) => Array.from({ length: n }, (_, i) => low + ((high - low) * i) / (n - 1));
    return [line(this.base.window[0], columns), line(this.base.window[1], rows)];
  }

  get zoomed() { return this.differs(this.ranges ?? this.base.window); }

  differs(ranges) {
    return ranges.some((range, i) => {
      const whole = this.base.window[i];
      return Math.max(...range.map((v, j) => Math.abs(v - whole[j]))) > 1e-9 * (whole[1] - whole[0]);
    });
  }

  /** One map was zoomed or moved: the others follow. */
  moved(from) {
    if (this.busy || !from.full) return;
    this.ranges = [from.full.xaxis.range.slice(), from.full.yaxis.range.slice()];
    this.follow(from);
  }

  zoom(ranges) {
    this.ranges = ranges.map((range) => [...range]);
    this.follow(null);
  }

  scaleBy(factor) {
    this.zoom((this.ranges ?? this.base.window).map(([a, b]) => {
      const [middle, half] = [(a + b) / 2, (factor * (b - a)) / 2];
      return [middle - half, middle + half];
    }));
  }

  async follow(from) {
    this.root.classList.toggle("zoomed", this.zoomed);
    const change = { "xaxis.range": this.ranges[0], "yaxis.range": this.ranges[1] };
    if (FINGERS.matches) change.dragmode = this.zoomed ? "pan" : false;
    this.busy = true;
    try {
      for (const pane of this.panes)
        if (pane !== from && pane.full)
          await this.Plotly.relayout(pane.plot, { ...change, "xaxis.range": [...this.ranges[0]], "yaxis.range": [...this.ranges[1]] });
    } finally {
      this.busy = false;
    }
    for (const pane of this.panes) pane.paint();
    this.tell(null);
  }

  tell(point) {
    for (const pane of this.panes) pane.tell(point);
  }

  #legend() {
    const named = this.base.lines.filter((line) => line.role === "path");
    this.legend.replaceChildren(...named.map((line) => {
      const colour = (this.theme.dark && line.color_dark) || line.color;
      const style = `border-top:${Math.max(2, line.width)}px ${line.dash && line.dash !== "solid" ? "dashed" : "solid"} ${colour}`;
      return make("span", { class: "entry" }, make("i", { style }), line.name);
    }));
  }

  async #resize() {
    if (!this.Plotly || !this.ranges || this.life.signal.aborted) return;
    for (const pane of this.panes) {
      const { clientWidth: width, clientHeight: height } = pane.frame;
      if (width > 40 && (pane.full?.width !== width || pane.full?.height !== height)) await pane.draw(this.ranges);
    }
  }

  /** All maps as one picture, drawn here in the browser. */
  async #save(format) {
    const { theme } = this;
    try {
      this.theme = PAPER; // for as long as it takes to draw them once in light colours
      const figures = [];
      for (const pane of this.panes) figures.push(await pane.onPaper(this.ranges));
      await saveSvg(this.facts.filename, beside(figures), format);
    } finally {
      this.theme = theme;
      for (const pane of this.panes) await pane.draw(this.ranges);
    }
  }

  /** What the maps show, a row for each point. */
  #rows() {
    const rows = [["map", "x", "y", "value"]];
    for (const { title, grid } of this.panes)
      for (let r = 0; r < grid.rows; r++)
        for (let c = 0; c < grid.columns; c++)
          rows.push([title, middle(grid.x, c, grid.columns), middle(grid.y, r, grid.rows), grid.z[r * grid.columns + c]]);
    return rows;
  }

  fail(error) {
    console.error(error);
    this.trouble.textContent = `The maps could not be drawn: ${error.message ?? error}. Reload the page to try again.`;
    this.trouble.hidden = false;
  }

  destroy() {
    this.life.abort();
    this.watch.disconnect();
    clearTimeout(this.resizing);
    for (const pane of this.panes) pane.destroy();
    this.root.remove();
  }
}

export default mounted(Maps);
