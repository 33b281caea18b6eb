// The board: a small map for each rule, and panels that are read together.

const HUES = { light: { ink: "rgba(28,36,48,0.9)", edge: "rgba(28,36,48,0.17)", rim: "rgba(255,255,255,0.8)" },
  dark: { ink: "rgba(240,244,248,0.9)", edge: "rgba(240,244,248,0.17)", rim: "rgba(255,255,255,0.5)" } };

/** A rule's small map: a button with a picture in it. */
class TileView {
  constructor(board) {
    this.board = board;
    this.name = make("span", { class: "name" });
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.picture = make("span", { class: "picture" }, this.canvas);
    this.said = make("span", { class: "said" });
    this.root = make("button", { type: "button", class: "tile", onclick: () => board.pick(this.tile.rule) },
      this.name, this.picture, this.said);
  }

  setData(tile, picked) {
    this.tile = tile;
    this.grid = null;
    if (tile.values) {
      const [rows, columns] = String(tile.values.shape).split(",").map(Number);
      const line = ([low, high], n) => Array.from({ length: n }, (_, i) => low + ((high - low) * (i + 0.5)) / n);
      this.grid = new Grid({
        z: tile.values, x: line(tile.window[0], columns), y: line(tile.window[1], rows),
        zmin: tile.limits[0], zmax: tile.limits[1],
      });
    }
    this.lines = tile.lines.map((line) => ({ ...line, x: flat(line.x), y: flat(line.y) }));
    this.name.textContent = tile.title;
    const parts = tile.note.split(/\*\*(.+?)\*\*/g);
    this.said.replaceChildren(...parts.map((part, i) => (i % 2 ? make("strong", {}, part) : part)));
    this.root.title = tile.title;
    this.root.dataset.rule = tile.rule;
    this.root.setAttribute("aria-pressed", String(tile.rule === picked));
    this.root.setAttribute("aria-label", `${tile.title}: ${tile.note.replaceAll("**", "")}`);
  }

  draw() {
    const { theme, dots } = this.board;
    const [width, height] = [this.picture.clientWidth, this.picture.clientHeight];
    if (width < 20 || height < 20) return;
    const hues = HUES[theme.dark ? "dark" : "light"];
    const colour = (theme.dark && this.tile.color_dark) || this.tile.color;
    this.root.style.setProperty("--rule", colour);
    const ctx = sharpContext(this.canvas, width, height);
    const [xaxis, yaxis] = this.tile.window.map((range, i) =>
      ({ range, type: "linear", _offset: 0, _length: i ? height : width, _id: i ? "y" : "x" }));
    if (this.grid) {
      this.grid.paint(this.tile.scales[theme.dark ? "dark" : "light"]);
      this.grid.draw(ctx, xaxis, yaxis);
    }
    const lines = (role) => this.lines.filter((line) => line.role === role);
    for (const line of lines("region")) this.#stroke(ctx, line, xaxis, yaxis, hues.edge, 0.7);
    if (dots) this.#dots(ctx, dots, xaxis, yaxis, hues.rim, Math.max(1.4, width / 110));
    for (const line of lines("boundary")) this.#stroke(ctx, line, xaxis, yaxis, hues.ink, 1.8);
    for (const line of lines("curve")) this.#stroke(ctx, line, xaxis, yaxis, colour, 2.4);
  }

  #stroke(ctx, { x, y }, xaxis, yaxis, style, width) {
    ctx.strokeStyle = style;
    ctx.lineWidth = width;
    ctx.lineJoin = "round";
    ctx.beginPath();
    let pen = false;
    for (let i = 0; i < x.length; i++) {
      const ok = Number.isFinite(x[i]) && Number.isFinite(y[i]);
      if (ok) ctx[pen ? "lineTo" : "moveTo"](onAxis(xaxis, x[i]), onAxis(yaxis, y[i]));
      pen = ok;
    }
    ctx.stroke();
  }

  #dots(ctx, { x, y, c, colors }, xaxis, yaxis, rim, radius) {
    ctx.lineWidth = 0.6;
    ctx.strokeStyle = rim;
    for (let i = 0; i < x.length; i++) {
      ctx.beginPath();
      ctx.arc(onAxis(xaxis, x[i]), onAxis(yaxis, y[i]), radius, 0, 2 * Math.PI);
      ctx.fillStyle = colors[c[i] % colors.length];
      ctx.fill();
      ctx.stroke();
    }
  }
}

class Board {
  constructor(parent) {
    this.life = new AbortController();
    this.hidden = new Set(); // what Panel asks its stage for
    this.colours = new Map();
    [this.views, this.panels] = [[], []];
    this.tiles = make("div", { class: "tiles", role: "group" });
    this.below = make("div", { class: "panels" });
    this.trouble = make("p", { class: "trouble", role: "alert", hidden: true });
    this.tip = new Tip();
    this.root = make("div", { class: "sadam-stage sadam-board" }, this.trouble, this.tiles, this.below, this.tip.root);
    parent.append(this.root);
    this.watch = new ResizeObserver(() => {
      clearTimeout(this.resizing);
      this.resizing = setTimeout(() => this.#draw(), 60);
    });
    this.watch.observe(this.root);
  }

  /** Called for every rerun and every change of theme. */
  async update(bytes, send) {
    this.send = send;
    const data = bytes === this.bytes ? this.data : JSON.parse(new TextDecoder().decode(bytes));
    this.bytes = bytes;
    const theme = readTheme(this.root);
    const skin = JSON.stringify(theme);
    if (data.stamp === this.data?.stamp && skin === this.skin) return;
    Object.assign(this, { data, theme, skin });
    this.root.classList.toggle("dark", theme.dark);
    const { tiles, dots, facts, panels } = data;
    this.dots = dots && { ...dots, x: flat(dots.x), y: flat(dots.y), c: flat(dots.c) };
    this.#match(this.views, tiles.length, () => new TileView(this), this.tiles, (view) => view.root.remove());
    this.views.forEach((view, i) => view.setData(tiles[i], facts.picked));
    this.tiles.hidden = !tiles.length;
    this.tiles.style.setProperty("--count", Math.max(4, Math.min(tiles.length, 8)));
    this.tiles.setAttribute("aria-label", facts.label);
    for (const view of this.views) view.draw(); // needs no Plotly
    this.Plotly ??= await loadPlotly(facts.assets);
    if (this.life.signal.aborted || this.data !== data) return;
    this.#match(this.panels, panels.length, () => new Panel(this, this.life.signal), this.below,
      (panel) => panel.destroy(this.Plotly));
    const spans = facts.rows.flatMap((count) => Array(count).fill(6 / count));
    this.panels.forEach((panel, i) => {
      panel.root.style.setProperty("--span", spans[i] ?? 2);
      panel.setData(panels[i]);
    });
    await this.#draw();
    this.root.dataset.stamp = data.stamp;
    this.root.dataset.ready = "true";
  }

  #match(kept, count, create, place, drop) {
    while (kept.length > count) drop(kept.pop());
    while (kept.length < count) {
      kept.push(create());
      place.append(kept.at(-1).root);
    }
  }

  async #draw() {
    if (this.life.signal.aborted || !this.data) return;
    for (const view of this.views) view.draw();
    if (!this.Plotly) return;
    for (const panel of this.panels) {
      panel.cursor(this.last);
      await panel.render(this.Plotly, panel.left, true);
    }
    this.preview(null);
  }

  /** The step at which curves end. */
  get last() { return Math.max(0, ...this.panels.flatMap((p) => p.lines.map((l) => l.x.at(-1) ?? 0))); }

  /** Point at a step in every panel; null: at the end. */
  preview(step) {
    for (const panel of this.panels) panel.cursor(step ?? this.last);
  }

  seek(step) { this.preview(step); }

  pick(rule) { this.send?.("pick", rule); }

  /** Show the tooltip, or with null hide it. */
  tell(what) { this.tip.tell(what); }

  fail(error) {
    console.error(error);
    this.trouble.textContent = `The pictures could not be drawn: ${error.message ?? error}. Reload the page to try again.`;
    this.trouble.hidden = false;
  }

  destroy() {
    this.life.abort();
    this.watch.disconnect();
    clearTimeout(this.resizing);
    for (const panel of this.panels) panel.destroy(this.Plotly);
    this.root.remove();
  }
}

export default mounted(Board);
