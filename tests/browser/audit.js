// What a screen reader, a keyboard and weak eyes would stumble over on this page.
() => {
  const shown = (n) => n.getBoundingClientRect().width > 0 && n.checkVisibility({ visibilityProperty: true });
  const text = (n) => (n?.innerText ?? n?.textContent ?? "").trim();
  const named = (n) => (n.getAttribute("aria-labelledby") ?? "").split(/\s+/).map((id) => id && text(document.getElementById(id))).join("");
  const name = (n) => n.getAttribute("aria-label") || named(n) || [...(n.labels ?? [])].map(text).join("")
    || n.title || text(n) || n.querySelector("img[alt]")?.alt || "";
  const controls = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [role=slider], [role=radio], [role=combobox], [role=tab]")]
    .filter((n) => n.type !== "hidden" && (shown(n) || (n.labels?.[0] && shown(n.labels[0]))));

  const numbers = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return colour.startsWith("color(") ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((v, i) => v * a + below[i] * (1 - a));
  const luminance = (colour) => {
    const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const above = (n) => (n ? [n, ...above(n.parentElement)] : []);
  const faint = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let words; (words = walk.nextNode()); ) {
    const n = words.parentElement;
    // A slider's value stands above the thumb that holds it; what is disabled is exempt.
    if (!words.data.trim() || !shown(n) || n.closest("[data-testid=stSliderThumbValue], svg, [aria-hidden=true], script, style, [disabled]")) continue;
    const styles = above(n).map((m) => getComputedStyle(m));
    if (styles.some((s) => s.backgroundImage !== "none")) continue;
    const opacity = styles.reduce((all, s) => all * s.opacity, 1);
    if (opacity < 0.05) continue;
    const ground = styles.map((s) => numbers(s.backgroundColor)).reverse().reduce((below, c) => over(c, below), [255, 255, 255]);
    const [r, g, b, a] = numbers(styles[0].color);
    const [dim, bright] = [luminance(ground), luminance(over([r, g, b, a * opacity], ground))].sort((p, q) => p - q);
    const ratio = (bright + 0.05) / (dim + 0.05);
    if (ratio < (parseFloat(styles[0].fontSize) >= 24 ? 3 : 4.5)) faint.push(`${words.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return {
    controls: controls.length,
    wrong: {
      "controls without a name": controls.filter((n) => !name(n).trim()).map((n) => n.outerHTML.slice(0, 200)),
      "out of the order of the page": [...document.querySelectorAll("[tabindex]")].filter((n) => n.tabIndex > 0).map((n) => n.outerHTML.slice(0, 200)),
      "text below 4.5 to 1": faint,
      "figures without words": [...document.querySelectorAll("canvas:not([aria-hidden]):not([aria-label]), img:not([alt]), [role=img]:not([aria-label]):not(:has(> title))")]
        .filter((n) => shown(n) && !n.closest("[role=img][aria-label], [data-testid=stDataFrame]")).map((n) => n.outerHTML.slice(0, 200)),
    },
  };
}
