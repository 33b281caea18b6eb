// The tooltip: what stands under the pointer, in rows of names and values.

class Tip {
  constructor() {
    this.root = make("div", { class: "tip", hidden: true, role: "status" });
  }

  /** Show it, or with null hide it; x and y are in the window. */
  tell(what) {
    this.root.hidden = !what;
    if (!what) return;
    const head = make("div", { class: "tip-title" }, what.title);
    if (what.colour) head.style.color = what.colour;
    this.root.replaceChildren(head, make("dl", {}, ...what.rows.flatMap(([name, value, colour]) => {
      const term = make("dt", {}, name);
      if (colour) term.style.setProperty("--rule", colour);
      term.classList.toggle("ruled", !!colour);
      return [term, make("dd", {}, value)];
    })));
    const base = this.root.parentElement.getBoundingClientRect();
    const { offsetWidth: w, offsetHeight: h } = this.root;
    const x = what.x - base.left;
    const y = what.y - base.top;
    const left = x + 16 + w > base.width ? x - w - 16 : x + 16;
    this.root.style.transform = `translate(${Math.round(Math.max(0, left))}px,${Math.round(Math.max(0, Math.min(y - h / 2, base.height - h)))}px)`;
  }
}
