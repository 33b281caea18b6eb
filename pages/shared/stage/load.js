// Loading plotly.js from this app's own server, once per page load.

// What outlives a mount: grounds by stamp, and what the visitor set, by the component's key.
const SHELF = (window.sadamShelf ??= { grounds: new Map(), memories: new Map(), plotly: {} });

/** A path of this app's own server as a URL, also below a base path and on deep links. */
function ownUrl(path) {
  const script = document.querySelector('script[src*="static/js/"]');
  return script ? new URL(`../../${path}`, script.src).href : new URL(path, document.baseURI).href;
}

// plotly.js in two sizes: what draws in the plane is a third of the whole and is there a second sooner.
const BUNDLES = { plane: "cartesian/plotly-cartesian.min.js", whole: "plotly/plotly.min.js" };
const IN_THE_PLANE = new Set(["scatter", "heatmap", "contour", "bar", "histogram", "box", "violin"]);

/** Plotly, as much of it as these traces need. */
function loadPlotly(assets, traces = []) {
  const size = traces.every(({ type = "scatter" }) => IN_THE_PLANE.has(type)) ? "plane" : "whole";
  SHELF.plotly[size] ??= new Promise((done, fail) => {
    const script = make("script", { src: ownUrl(`${assets}${BUNDLES[size]}`), async: true });
    script.onload = () => done(window.Plotly);
    script.onerror = () => {
      delete SHELF.plotly[size];
      script.remove();
      fail(new Error("plotly.js could not be loaded from this server"));
    };
    document.head.append(script);
  });
  return SHELF.plotly[size];
}
