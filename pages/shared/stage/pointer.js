// Pointer and keys on the map of a stage: a click is a start, hovering tells, keys move the head.

class Pointer {
  constructor(stage) {
    this.stage = stage;
    const { map, root, life } = stage;
    const on = (target, type, handler, options = {}) =>
      target.addEventListener(type, handler, { signal: life.signal, ...options });
    let down = null;
    on(map, "pointerdown", (e) => {
      const inside = e.target.closest?.(".nsewdrag") && !stage.solid;
      down = inside && e.button === 0 && e.isPrimary ? { x: e.clientX, y: e.clientY, t: performance.now() } : null;
      if (inside) map.focus({ preventScroll: true });
      if (e.pointerType !== "mouse") this.#hover(e);
    }, { capture: true });
    on(window, "pointerup", (e) => {
      const from = down;
      down = null;
      if (!from || Math.hypot(e.clientX - from.x, e.clientY - from.y) >= 4) return;
      if (performance.now() - from.t < 800) this.#click(e);
    }, { capture: true });
    on(window, "pointercancel", () => (down = null), { capture: true });
    on(map, "pointermove", (e) => this.#hover(e, down), { capture: true });
    on(map, "pointerleave", () => stage.tell(null));
    on(map, "wheel", (e) => { if (!e.ctrlKey && !e.metaKey && !stage.solid) e.stopPropagation(); }, { capture: true, passive: true });
    on(root, "keydown", (e) => this.#key(e));
  }

  /** A place in the window, from the plot's corner. */
  #point(e) {
    const r = this.stage.plot.getBoundingClientRect();
    return [e.clientX - r.left, e.clientY - r.top];
  }

  #click(e) {
    const { stage } = this;
    const { xaxis, yaxis } = stage.plot._fullLayout;
    const [px, py] = this.#point(e);
    const point = { x: fromAxis(xaxis, px), y: fromAxis(yaxis, py) };
    stage.asked = point; // a ring that stands still: an animation would compete with the answer
    stage.tell(null);
    stage.invalidate();
    stage.send("click", point);
  }

  #hover(e, down) {
    const { stage } = this;
    if (!stage.memory || stage.solid || !stage.plot._fullLayout) return;
    const moved = down && Math.hypot(e.clientX - down.x, e.clientY - down.y) >= 4;
    const [x, y] = this.#point(e);
    const hit = moved || e.target.closest?.("button") ? null : stage.layer.nearest(x, y, stage.hidden);
    if (!hit) return stage.tell(null);
    const { path, index } = hit;
    const at = (column) => path.values[index * path.columns + column];
    const rows = FACTS.slice(0, path.columns).map((name, i) => [name, i ? pretty(at(i)) : String(at(0))]);
    const rect = stage.plot.getBoundingClientRect();
    stage.tell({
      title: path.name, colour: stage.colours.get(path.rule), symbol: path.symbol, rows,
      x: rect.left + path.px[index], y: rect.top + path.py[index],
    });
  }

  #key(e) {
    const { stage } = this;
    if (!stage.memory || e.ctrlKey || e.metaKey || e.altKey) return;
    const tag = e.target.tagName;
    if (tag === "SELECT" || (e.key === " " && tag === "BUTTON")) return;
    const by = e.shiftKey ? 10 : 1;
    const act = {
      " ": () => (stage.playing ? stage.pause() : stage.play()),
      ArrowLeft: () => stage.stepBy(-by), ArrowRight: () => stage.stepBy(by),
      Home: () => { stage.pause(); stage.seek(0); }, End: () => { stage.pause(); stage.seek(Infinity); },
      Escape: () => stage.tell(null),
    }[e.key];
    if (!act) return;
    if (e.key !== "Escape") e.preventDefault();
    act();
  }
}
