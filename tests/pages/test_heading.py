"""A landscape's name and formula above its picture."""

from streamlit.testing.v1 import AppTest

from pages.shared.heading import HEIGHT


def script(formula):
    import streamlit as st

    import landscapes
    from pages.shared.heading import heading

    heading(st.container(), landscapes.get(f"= {formula}"))


def boxes(formula):
    """The page, and the heights of the boxes in it that have one."""
    app = AppTest.from_function(script, args=(formula,), default_timeout=30).run()
    assert not app.exception
    found, waiting = [], [app.main]
    while waiting:
        block = waiting.pop()
        waiting += [child for child in block.children.values() if hasattr(child, "children")]
        if height := getattr(block.proto, "height_config", None):
            found.append(height.pixel_height)
    return app, [height for height in found if height]


def test_a_formula_of_many_lines_scrolls_and_a_short_one_does_not():
    app, none = boxes("abs(x) + abs(y)")
    assert app.markdown[0].value == "# Your own function"
    assert app.markdown[1].value.startswith("$f(x,y) = ")
    assert none == []
    app, found = boxes(" + ".join(f"abs(x - {i}*y)" for i in range(1, 40)))
    assert app.markdown[0].value == "# Your own function"
    assert "39" in app.markdown[1].value
    assert found == [HEIGHT]
