// Loading plotly.js from this app's own server, once per page load.

// What outlives a mount: grounds by stamp, and what the visitor set, by the component's key.
const SHELF = (window.sadamShelf ??= { grounds: new Map(), memories: new Map(), plotly: null });

/** A path of this app's own server as a URL, also below a base path and on deep links. */
function ownUrl(path) {
  const script = document.querySelector('script[src*="static/js/"]');
  return script ? new URL(`../../${path}`, script.src).href : new URL(path, document.baseURI).href;
}

function loadPlotly(assets) {
  SHELF.plotly ??= new Promise((done, fail) => {
    if (window.Plotly?.react) return done(window.Plotly);
    const script = make("script", { src: ownUrl(`${assets}plotly/plotly.min.js`), async: true });
    script.onload = () => done(window.Plotly);
    script.onerror = () => {
      SHELF.plotly = null;
      script.remove();
      fail(new Error("plotly.js could not be loaded from this server"));
    };
    document.head.append(script);
  });
  return SHELF.plotly;
}
