"""S-Adam Lab in the browser: ``streamlit run app.py``."""

from pathlib import Path

import streamlit as st

from pages.shared.browser import serve_assets
from pages.shared.gallery import presenter, read_address
from pages.shared.guard import routed, settings_trouble
from pages.shared.links import hold
from pages.shared.memory import give_back
from pages.shared.turns import visitor
from pages.shared.warm import WAIT, one_at_a_time, warm_up

HERE = Path(__file__).parent

# Before st.navigation: with an icon of our own the browser asks no other host for one.
st.set_page_config(
    page_title="S-Adam Lab",
    page_icon=str(HERE / "pages/shared/icon.svg"),
    layout="wide",
    initial_sidebar_state=320,
    menu_items={
        "About": "Watch, measure and judge optimizers on non-smooth functions. "
        "Method: Xu, She, Jin, Wang, ICML 2026, arXiv:2605.29547."
    },
)
if trouble := settings_trouble(HERE / ".streamlit/config.toml"):
    st.error(trouble)
    st.stop()
st.logo(str(HERE / "pages/shared/icon.svg"), size="large")
st.html(  # the picture first: less room above it and beside it
    "<style>.stMainBlockContainer { padding-top: 3.75rem; padding-bottom: 3rem; }"
    "@media (min-width: 820px) {"
    ".stMainBlockContainer { padding-left: 2.5rem; padding-right: 2.5rem; } }"
    # Fingers have no keys to press, and to them a table always shows its tools: they would cover
    # what is above it.
    "@media (pointer: coarse) { button kbd { display: none !important; } "
    "[data-testid=stDataFrame] { margin-top: 2.5rem; } }"
    # What a page says while it computes for long: over the old picture, whatever is in view.
    ":has(> .st-key-computing) "
    "{ position: fixed; inset: 40% auto auto 36%; z-index: 1000; width: auto; }"
    ".st-key-computing .stMarkdown { padding: 12px 20px; border-radius: 8px; "
    "border: 1px solid color-mix(in srgb, currentColor 30%, transparent); "
    "backdrop-filter: blur(24px); box-shadow: 0 4px 18px rgb(0 0 0 / 0.18); }"
    "@media (max-width: 640px) { :has(> .st-key-computing) { left: 8%; right: 8%; } }"
    # Streamlit's own Stop ends the script where it stands: it can say nothing more itself.
    ".stApp[data-test-script-state=notRunning] .st-key-computing .stMarkdown > * "
    "{ display: none; }"
    ".stApp[data-test-script-state=notRunning] .st-key-computing .stMarkdown::after "
    "{ content: 'Stopped. Any change on the page starts it again.'; }"
    # A start has up to ten characters, and little room beside the other.
    ":is(.st-key-start_x, .st-key-start_y, .st-key-lgi_x, .st-key-lgi_y) "
    "[data-testid^=stNumberInputStep] { display: none; }"
    # White on the dark theme's light blue is 2.2 to 1: what was picked wears the text's colour.
    ".stMultiSelect [data-tag], .stMultiSelect [data-tag] * { color: inherit; }"
    ".stMultiSelect [data-tag] "
    "{ background-color: color-mix(in srgb, currentColor 14%, transparent); }</style>"
)
give_back()
hold()
for name in list(st.session_state):  # and what is in no address, such as which tab is open
    if str(name).startswith(("lgi_", "net_", "cmp_", "les")):
        st.session_state[name] = st.session_state[name]
read_address()
st.set_option("client.showSidebarNavigation", True)  # hidden until here: .streamlit/config.toml
page = st.navigation(
    [
        st.Page(
            HERE / "pages/gallery.py",
            title="Gallery",
            icon=":material/gallery_thumbnail:",
            default=True,
        ),
        st.Page(
            HERE / "pages/race.py",
            title="Race",
            icon=":material/conversion_path:",
            url_path="race",
        ),
        st.Page(
            HERE / "pages/instability.py",
            title="Instability",
            icon=":material/earthquake:",
            url_path="instability",
        ),
        st.Page(
            HERE / "pages/networks.py",
            title="Networks",
            icon=":material/hub:",
            url_path="networks",
        ),
        st.Page(
            HERE / "pages/compare.py",
            title="Compare",
            icon=":material/balance:",
            url_path="compare",
        ),
        st.Page(
            HERE / "pages/lessons.py",
            title="Lessons",
            icon=":material/school:",
            url_path="lessons",
        ),
    ]
)
gallery = not page.url_path
serve_assets(wait=WAIT if gallery else 0)  # the gallery draws without plotly.js
presenter(f"pages/{page.url_path}.py")
with routed(), visitor(), one_at_a_time(page.url_path):
    page.run()
if gallery:  # the other pages have imported what they need
    warm_up()
