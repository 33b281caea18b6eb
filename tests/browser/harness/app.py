"""A race without the laboratory: made-up data that behaves like the real thing, for the stage."""

import sys
import time
from pathlib import Path

import numpy as np
import streamlit as st

sys.path.insert(0, str(Path(__file__).parents[3]))
from pages.shared.browser import serve_assets
from pages.shared.stage import stage

STEPS = 500
WINDOW = ((-2.0, 2.0), (-1.0, 3.0))
RULES = {
    "sgd": ("SGD", "#7A7F87", "#A3A9B2", "solid", 1.6, "circle"),
    "adam": ("Adam", "#009E73", "#2CC295", "dash", 1.6, "square"),
    "amsgrad": ("AMSGrad", "#56B4E9", "#7CC8F2", "dashdot", 1.6, "triangle-up"),
    "adamw": ("AdamW", "#0072B2", "#4DA3DB", "dot", 1.6, "cross"),
    "sadam2": ("S-Adam two-sided", "#D55E00", "#F07B26", "solid", 2.4, "diamond"),
}
GROUND = {
    "light": [[0, "#FBFAF6"], [0.45, "#ECEBE3"], [0.75, "#D8DBD5"], [1, "#BCC4C1"]],
    "dark": [[0, "#151B23"], [0.45, "#1A2631"], [0.75, "#21374A"], [1, "#2F5068"]],
}


def value(x, y):
    return 10 * np.abs(y - x**2) + np.abs(1 - x)


def gradient(p):
    s = 10 * np.sign(p[1] - p[0] ** 2)
    return np.array([-2 * p[0] * s - np.sign(1 - p[0]), s])


def run(rule, lr, start, steps=STEPS):
    """One path and its facts (steps + 1, 6): step, f, |g|, LGI one- and two-sided, brake."""
    rng = np.random.default_rng(7)
    p, m, v, w = np.array(start, float), np.zeros(2), np.zeros(2), np.zeros(2)
    points, facts = np.empty((steps + 1, 2)), np.empty((steps + 1, 6))
    for t in range(steps + 1):
        g = gradient(p)
        kink = min(1.0, 2 / (1 + (abs(p[1] - p[0] ** 2) / 0.02) ** 2)) * rng.uniform(0.7, 1)
        brake = 1 / (1 + 6 * kink * min(1, t / 60)) if rule == "sadam2" else np.nan
        points[t], facts[t] = p, (t, value(*p), np.hypot(*g), 0.3 * kink, kink, brake)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w = np.maximum(w, v)
        scale = {"amsgrad": w}.get(rule, v) / (1 - 0.999 ** (t + 1))
        step = lr * m / (1 - 0.9 ** (t + 1)) / (np.sqrt(scale) + 1e-8)
        if rule == "sgd":
            step = lr * 0.12 * g
        elif rule == "adamw":
            step = step + lr * 0.1 * p
        elif rule == "sadam2":
            step = step * brake
        p = p - step
    return points, facts


@st.cache_data
def height(n=200):
    x, y = (np.linspace(a, b, n, dtype=np.float32) for a, b in WINDOW)
    return x, y, np.log(value(*np.meshgrid(x, y)) + 0.05).astype(np.float32)


def map_figure(runs, start, surface):
    x, y, z = height()
    kx = np.linspace(-2, 2, 120)
    layout = {"meta": {"ground_colorscales": GROUND}}
    if surface:
        traces = [
            {
                "type": "surface",
                "x": x[::3],
                "y": y[::3],
                "z": z[::3, ::3],
                "meta": {"role": "ground"},
            }
        ]
        layout["scene"] = {"xaxis": {"title": {"text": "x"}}, "yaxis": {"title": {"text": "y"}}}
    else:
        traces = [
            {
                "type": "heatmap",
                "x": x,
                "y": y,
                "z": z,
                "zsmooth": "best",
                "meta": {"role": "ground"},
            },
            {"type": "scatter", "mode": "lines", "x": kx, "y": kx**2, "meta": {"role": "kink"}},
            {
                "type": "scatter",
                "mode": "lines",
                "x": [1, 1],
                "y": [-1, 3],
                "meta": {"role": "kink"},
            },
        ]
        layout["xaxis"] = {"range": list(WINDOW[0]), "title": {"text": "x"}}
        layout["yaxis"] = {"range": list(WINDOW[1]), "title": {"text": "y"}}
        mark = {"type": "scatter", "mode": "markers"}
        traces += [
            {
                **mark,
                "x": [1],
                "y": [1],
                "marker": {"symbol": "star", "size": 12, "color": "#1C2430"},
                "meta": {"role": "minimiser"},
            },
            {
                **mark,
                "x": [start[0]],
                "y": [start[1]],
                "marker": {"symbol": "circle-open", "size": 12, "color": "#1C2430"},
                "meta": {"role": "start"},
            },
        ]
    for rule, (points, facts) in runs.items():
        name, colour, dark, dash, width, symbol = RULES[rule]
        points = points.astype(np.float32)
        place = {"x": points[:, 0], "y": points[:, 1]}
        if surface:
            place["z"] = np.log(value(*points.T) + 0.05).astype(np.float32) + 0.02
        kind = "scatter3d" if surface else "scatter"
        meta = {"role": "path", "rule": rule, "symbol": symbol, "color_dark": dark}
        line = {"color": colour, "width": width * (2 if surface else 1), "dash": dash}
        traces.append(
            {
                "type": kind,
                "mode": "lines",
                "name": name,
                **place,
                "line": line,
                "meta": meta,
                "customdata": facts.astype(np.float32),
            }
        )
    return {"data": traces, "layout": layout}


def panels(runs):
    step = np.arange(STEPS + 1, dtype=np.float32)

    def lines(column, title, axis, only=None):
        return {
            "data": [
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": step,
                    "y": facts[:, column].astype(np.float32),
                    "name": RULES[r][0],
                    "line": {"color": RULES[r][1], "width": 1.4},
                    "meta": {"rule": r},
                }
                for r, (_, facts) in runs.items()
                if only is None or r in only
            ],
            "layout": {
                "title": {"text": title},
                "meta": {"cursor": "step", "weight": 1.3 if column == 1 else 1},
                "xaxis": {"range": [0, STEPS]},
                "yaxis": axis,
            },
        }

    turned = [
        np.r_[0, np.diff(np.sign(points[:, 1] - points[:, 0] ** 2)) != 0].astype(np.uint8)
        for points, _ in runs.values()
    ]
    strips = {
        "data": [
            {
                "type": "heatmap",
                "x": step,
                "y": [RULES[r][0]],
                "z": t[None],
                "showscale": False,
                "xgap": 0,
                "ygap": 4,
                "colorscale": [[0, "rgba(128,128,128,0.10)"], [1, RULES[r][1]]],
                "zmin": 0,
                "zmax": 1,
                "meta": {"rule": r},
            }
            for r, t in zip(runs, turned, strict=True)
        ],
        "layout": {
            "title": {"text": "Chattering: the gradient turned here"},
            "meta": {"cursor": "step", "margin": {"l": 112}},
            "xaxis": {"range": [0, STEPS], "title": {"text": "step"}},
            "yaxis": {
                "autorange": "reversed",
                "showgrid": False,
            },
        },
    }
    return [
        lines(1, "Gap to the minimum", {"type": "log"}),
        lines(4, "LGI two-sided along the path", {"range": [0, 1.05]}, {"adam", "sadam2"}),
        strips,
    ]


st.set_page_config(page_title="Stage", page_icon="⛰️", layout="wide")
serve_assets()
with st.sidebar:
    st.header("Race")
    lr = st.slider("Learning rate", 0.001, 0.1, 0.03, 0.001, key="lr")
    shown = st.pills(
        "Rules",
        list(RULES),
        selection_mode="multi",
        default=list(RULES),
        format_func=lambda r: RULES[r][0],
        key="rules",
    )
    view = st.segmented_control("View", ["Map", "Surface"], default="Map", key="view")
    other = st.toggle("Other ground", key="other")
    wide = st.toggle("Autoplay", value="autoplay" in st.query_params, key="autoplay")

st.session_state.setdefault("start", (-1.5, 2.5))
began = time.perf_counter()
start = st.session_state.start
runs = st.cache_data(run)
data = {r: runs(r, lr, start) for r in RULES if r in shown}
surface = view == "Surface"
figure, side = map_figure(data, start, surface), panels(data)
middle = time.perf_counter()


def moved(x, y):
    st.session_state.start = (x, y)
    st.session_state.clicks = [*st.session_state.get("clicks", []), (x, y)]


st.title("Bent valley")
stage(
    figure,
    side,
    key="race",
    steps=STEPS,
    ground_stamp=f"valley-{surface}-{other}",
    autoplay=wide,
    caption="**Adam** turned in 39 % of the last 50 steps; **S-Adam two-sided** in 8 %, "
    "and <b>ended</b> 47 times closer.",
    label="Bent valley with five paths",
    on_click=moved,
)
done = time.perf_counter()
with st.sidebar:
    st.caption(f"figures {1e3 * (middle - began):.1f} ms, stage {1e3 * (done - middle):.1f} ms")
    st.text("clicks " + repr(st.session_state.get("clicks", [])))
