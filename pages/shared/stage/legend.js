// The legend of a stage: a button for each rule, with its colour, dash and end marker.

class Legend {
  constructor(stage) {
    this.stage = stage;
    this.root = make("div", { class: "legend", role: "group", "aria-label": "Rules: press to hide or show" });
  }

  /** Draw it anew where something on it changed. */
  draw() {
    const { stage } = this;
    const state = JSON.stringify([stage.look, [...stage.hidden], stage.layer.paths.map((p) => [p.rule, p.name, p.dash, p.symbol, p.width])]);
    if (state === this.state) return;
    this.state = state;
    const focused = this.root.contains(document.activeElement) && document.activeElement.dataset.rule;
    this.root.replaceChildren(...stage.layer.paths.map((p) => {
      const shown = !stage.hidden.has(p.rule);
      const sample = make("span", { class: "sample", "aria-hidden": "true" });
      const colour = stage.colours.get(p.rule);
      sample.innerHTML = '<svg width="28" height="14" viewBox="0 0 28 14"><line x1="0" y1="7" x2="28" y2="7"/><path transform="translate(14 7)"/></svg>';
      const [line, mark] = sample.querySelectorAll("line, path");
      line.setAttribute("stroke", colour);
      line.setAttribute("stroke-width", Math.min(3, p.width));
      line.setAttribute("stroke-dasharray", dashOf(p.dash, p.width).join(" "));
      mark.setAttribute("d", symbolPath(p.symbol, 4.4));
      mark.setAttribute("fill", colour);
      mark.setAttribute("stroke", stage.theme.background);
      return make("button", {
        type: "button", class: "chip", "data-rule": p.rule, "aria-pressed": String(shown),
        title: shown ? `Hide ${p.name}` : `Show ${p.name}`,
        onclick: () => stage.toggle(p.rule),
        onpointerenter: (e) => { if (e.pointerType === "mouse") { stage.lit = shown ? p.rule : null; stage.invalidate(); } },
        onpointerleave: () => { stage.lit = null; stage.invalidate(); },
      }, sample, p.name);
    }));
    if (focused) this.root.querySelector(`[data-rule="${CSS.escape(focused)}"]`)?.focus();
  }
}
