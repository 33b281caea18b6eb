"""The formula language: what it accepts, what it computes, what it says when it refuses."""

import itertools
import math
import pickle
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landscapes import CATALOGUE, Formula, FormulaError, free_names

X = torch.tensor([[0.5, -1.25], [2.0, 0.75], [-1.5, 0.3]], dtype=torch.float64)


def at(text, x, y, **parameters):
    return Formula.parse(text, parameters)(torch.tensor([x, y], dtype=torch.float64)).item()


def grad_at(text, x, y):
    return Formula.parse(text).value_and_grad(torch.tensor([x, y], dtype=torch.float64))[1].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "x + y - 1 - x",
        "x - (y - 1)",
        "x/y/2*3",
        "x/(y*2)",
        "-x**2",
        "(-x)**2",
        "2**-x",
        "2**3**0.5",
        "-2**-2",
        "x**9 - x**-3 + x**0 + x**1",
        "abs(x)**0.5 + abs(x)**1.7 + abs(x)**y",
        "+x - -y",
        "1e-3*x + .5*y + 2.*x",
        "max(x, y, 0, x*y) + min(x, y)",
        "where(x > 0 and not y > 0 or x == y, x, 2*y)",
        "where(-1 < x <= 2, 1, -1)",
        "(x > 0)*y + (x != y)",
        "sin(x) + cos(y) + tan(x) + tanh(y) + exp(x) + log(abs(y)) + sqrt(x*x)",
        "sign(x) + floor(4*y) + round(4*x)/4 + relu(y)",
        "pi*x + e*y",
    ],
)
def test_means_what_python_means(text):
    names = {
        **vars(math),
        "sign": lambda a: math.copysign(1, a) if a else 0,
        "relu": lambda a: max(a, 0),
        "where": lambda c, a, b: a if c else b,
    }
    expected = [float(eval(text, names, {"x": x, "y": y})) for x, y in X.tolist()]
    assert Formula.parse(text)(X).tolist() == pytest.approx(expected, rel=1e-14, abs=1e-14)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "missing"),
        ("   ", 1, "missing"),
        ("x^2", 2, r"write \*\* for powers"),
        ("2x", 2, r"write \* between '2' and 'x'"),
        ("2(x)", 2, r"write \* between '2' and '\('"),
        ("x y", 3, r"write \* between 'x' and 'y'"),
        ("(x)(y)", 4, r"write \* between '\)' and '\('"),
        ("x(y)", 2, r"write \* between 'x' and '\('"),
        ("a(x)", 1, r"write \* before"),
        ("|x|", 1, r"abs\(x\)"),
        ("x+*y", 3, r"expected a number, a name or '\(' but found '\*'"),
        ("x +", 4, "found the end"),
        ("(x", 3, "'\\(' of column 1 is never closed"),
        ("max(x, y", 9, "never closed"),
        ("x)", 2, "closes nothing"),
        ("(x, y)", 3, r"expected '\)' but found ','"),
        ("abs(x, y)", 1, "abs takes 1 argument, not 2"),
        ("abs()", 1, "takes 1 argument, not 0"),
        ("max(x)", 1, "max takes 2 to 20 arguments, not 1"),
        ("where(x > 0, 1)", 1, "where takes 3 arguments, not 2"),
        ("where(x, 1, 2)", 7, "condition"),
        ("x and y > 0", 1, "condition"),
        ("sine(x)", 1, "did you mean sin"),
        ("ln(x)", 1, "write log"),
        ("x + lamda*y", 5, "unknown name 'lamda'"),
        ("abs x", 1, "in parentheses"),
        ("x = 2", 3, "write =="),
        ("x ≤ 2", 3, "write <="),
        ("x; y", 2, "no meaning"),
        ("1/0", 2, "division by zero"),
        ("x/(1 - 1)", 2, "division by zero"),
        ("exp(1000)", 1, "finite"),
        ("x + log(0)", 5, "finite"),
        ("(-8)**(1/3)", 5, "real"),
        ("1e999", 1, "too large"),
        ("9**9**9", 2, "at most 64"),
        ("x**-65", 2, "at most 64"),
        ("(" * 41 + "x" + ")" * 41, 42, "40 levels"),
        ("-" * 41 + "x", 42, "40 levels"),
        ("x" + "+x" * 500, 1001, "1000 characters"),
        ("x" + "*y" * 499, 994, "500 operations"),
    ],
)
def test_says_what_is_wrong_and_where(text, column, words):
    with pytest.raises(FormulaError, match=f"^column {column}: .*{words}") as caught:
        Formula.parse(text)
    assert caught.value.column == column
    assert caught.value.text == text
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_bounds_are_reached():
    assert at("(" * 40 + "x" + ")" * 40, 3.0, 0.0) == 3.0
    assert at("x**64", 1.0, 0.0) == 1.0
    assert at("+".join(["x"] * 490), 1.0, 0.0) == 490.0


def test_parameters():
    assert at("a*x + b_1", 2.0, 0.0, a=3.0, b_1=1.0) == 7.0
    with pytest.raises(FormulaError, match="did you mean beta"):
        Formula.parse("bata*x", {"beta": 1.0})
    for bad in ({"x": 1.0}, {"abs": 1.0}, {"1a": 1.0}, {"a": math.inf}):
        with pytest.raises(FormulaError, match="parameter"):
            Formula.parse("x", bad)


def test_free_names_in_order_of_appearance():
    assert free_names("b*x + where(y > c, a*abs(b), pi) - a**d") == ("b", "c", "a", "d")
    assert free_names("x + y*e") == ()
    with pytest.raises(FormulaError):
        free_names("2x")


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("10*abs(y - x**2) + abs(1 - x)", r"10 \left|y - x^{2}\right| + \left|1 - x\right|"),
        ("2*x*y", "2 x y"),
        ("x*2", r"x \cdot 2"),
        ("2*3*x", r"2 \cdot 3 x"),
        ("2*(1/2)", r"2 \cdot \frac{1}{2}"),
        ("(x + 1)/2*y", r"\frac{x + 1}{2} y"),
        ("a*b/c", r"\frac{a b}{c}"),
        ("-x/2", r"-\frac{x}{2}"),
        ("x*(-y)", r"x \left(-y\right)"),
        ("x - (y - 1)", r"x - \left(y - 1\right)"),
        ("x + (y - 1)", "x + y - 1"),
        ("x - (-y)", r"x - \left(-y\right)"),
        ("(((x)))*(y + 1)", r"x \left(y + 1\right)"),
        ("(x + y)**(1 + 1)", r"\left(x + y\right)^{1 + 1}"),
        ("(-x)**2 - x**2", r"\left(-x\right)^{2} - x^{2}"),
        ("(x**2)**y", r"\left(x^{2}\right)^{y}"),
        ("exp(y - x)**2", r"\left(e^{y - x}\right)^{2}"),
        ("sin(x)**2", r"\sin^{2}\left(x\right)"),
        ("sqrt(x) + log(y)", r"\sqrt{x} + \ln\left(y\right)"),
        ("max(x, 0)", r"\max\left(x,\ 0\right)"),
        ("1e-3*x + 2.5e10", r"10^{-3} x + 2.5 \cdot 10^{10}"),
        (".5*x + 2.", "0.5 x + 2"),
        ("lambda_1*alpha2*rate*a", r"\lambda_{1} \alpha_{2} \mathrm{rate} a"),
        ("floor(x)", r"\left\lfloor x\right\rfloor "),
        (
            "where(x >= 1, y, where(x > 0 and y != 0, 1, -1))",
            r"\begin{cases} y & \text{if } x \ge 1 \\ 1 & \text{if } x > 0 \text{ and } y \ne 0"
            r" \\ -1 & \text{otherwise} \end{cases}",
        ),
        ("(x > 0)*y", r"\left[x > 0\right] y"),
    ],
)
def test_latex_keeps_the_authors_order(text, latex):
    assert Formula.parse(text, dict.fromkeys(free_names(text), 1.0)).latex == latex


@pytest.mark.parametrize(
    ("text", "grad"),
    [
        ("abs(x) + 10*abs(y)", [0, 0]),
        ("max(x, y)", [0.5, 0.5]),
        ("min(x, 2*y)", [0.5, 1]),
        ("max(x, y, x + y)", [2 / 3, 2 / 3]),
        ("max(x, y, -1)", [0.5, 0.5]),
        ("max(0, x)", [0.5, 0]),
        ("relu(x)", [0, 0]),
        ("sign(x) + floor(y) + round(x) + (x > 0)", [0, 0]),
        ("sqrt(x**2 + y**2)", [0, 0]),
        ("(x**2 + y**2)**0.5 + x", [1, 0]),
        ("abs(x)**(y + 1)", [0, 0]),
        ("where(x >= 0, 3*x, 5*x)", [3, 0]),
        ("3", [0, 0]),
        ("x - x", [0, 0]),
        ("1e300*x*1e200", [math.inf, 0]),
    ],
)
def test_gradient_conventions_at_the_origin(text, grad):
    assert grad_at(text, 0.0, 0.0) == pytest.approx(grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (3, 4)])
@pytest.mark.parametrize(
    "text", ["x*y + exp(x)", "x", "2", "where(x > 0, 1, -1)", "x > 0", "max(0, x, y)"]
)
def test_shape_and_dtype_are_those_of_the_points(text, shape, dtype):
    x = torch.randn(2, *shape, dtype=dtype).movedim(0, -1)
    f = Formula.parse(text)
    value, grad = f.value_and_grad(x)
    for result in (f(x), value):
        assert result.shape == shape
        assert result.dtype == dtype
        torch.testing.assert_close(result, value)
    assert grad.shape == x.shape
    assert grad.dtype == dtype
    assert grad.movedim(-1, 0).is_contiguous()


def test_results_never_share_memory_with_the_points():
    x = torch.ones(3, 2)
    value, grad = Formula.parse("x").value_and_grad(x)
    value.add_(1)
    grad.add_(1)
    assert x.tolist() == [[1, 1]] * 3
    assert Formula.parse("x").value_and_grad(x)[0].tolist() == [1, 1, 1]
    Formula.parse("2")(x).add_(1)
    assert Formula.parse("2")(x).tolist() == [2, 2, 2]


def test_refuses_integers():
    with pytest.raises(TypeError, match="floating"):
        Formula.parse("x/2")(torch.tensor([1, 2]))


def test_is_a_value():
    f = Formula.parse("a*x", {"a": 2.0})
    assert f == Formula.parse("a*x", {"a": 2.0}) != Formula.parse("a*x", {"a": 3.0})
    assert len({f, Formula.parse("a*x", {"a": 2.0})}) == 1
    assert pickle.loads(pickle.dumps(f)) == f
    assert repr(f) == "Formula.parse('a*x', {'a': 2.0})"
    with pytest.raises(TypeError):
        f.parameters["a"] = 1.0


# Random formulas. Operands are joined without parentheses, so that precedence is tested too.
_LEAVES = st.sampled_from(["x", "y", "0.5", "2.0", "3.0", "1e-1", "(-1.5)"])


def _grow(inner):
    pair = st.tuples(inner, inner)
    compare = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    relation = st.builds(lambda a, op, b: f"{a} {op} {b}", inner, compare, inner)
    logic = st.sampled_from([" and ", " or ", " and not ", " or not "])
    condition = relation | st.builds(lambda a, op, b: a + op + b, relation, logic, relation)
    single = st.sampled_from(["abs", "relu", "sign", "floor", "round"])
    return st.one_of(
        st.builds(lambda p, op: f"{p[0]} {op} {p[1]}", pair, st.sampled_from("+-*/")),
        st.builds(lambda a: f"({a})", inner),
        st.builds(lambda a: f"-{a}", inner),
        st.builds(lambda a, n: f"({a})**{n}", inner, st.sampled_from(["2.0", "3.0", "-1.0"])),
        st.builds(lambda f, a: f"{f}({a})", single, inner),
        st.builds(lambda a: f"sqrt(abs({a}))", inner),
        st.builds(lambda f, p: f"{f}({p[0]}, {p[1]})", st.sampled_from(["max", "min"]), pair),
        st.builds(lambda p, c: f"max({p[0]}, {c}, {p[1]})", pair, inner),
        st.builds(lambda c, p: f"where({c}, {p[0]}, {p[1]})", condition, pair),
    )


FORMULAS = st.recursive(_LEAVES, _grow, max_leaves=12)
QUARTERS = st.integers(-12, 12).map(lambda i: i / 4)
PYTHON = {
    "sqrt": math.sqrt,
    "floor": math.floor,
    "round": round,
    "sign": lambda a: float(a > 0) - float(a < 0),
    "relu": lambda a: max(a, 0.0),
    "where": lambda c, a, b: a if c else b,
}


@settings(max_examples=200, derandomize=True)
@given(FORMULAS, QUARTERS, QUARTERS)
def test_random_formulas_mean_what_python_means(text, x, y):
    try:
        expected = float(eval(text, PYTHON, {"x": x, "y": y}))
    except (ArithmeticError, ValueError):
        return
    try:
        got = at(text, x, y)
    except FormulaError:
        # Constants are folded even where Python does not look, behind a false `and`.
        assert " and " in text or " or " in text
        return
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@settings(max_examples=200, derandomize=True)
@given(
    FORMULAS, st.sampled_from(["sin({})", "tanh({})", "exp(-abs({}))", "log(1 + abs({}))", "{}"])
)
@pytest.mark.slow
def test_random_gradients_equal_autograd(text, outer):
    points = torch.randn(64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    points.requires_grad_()
    try:
        f = Formula.parse(outer.format(text))
    except FormulaError:
        return
    value = f(points)
    grad = torch.zeros_like(points)
    if value.requires_grad:
        (grad,) = torch.autograd.grad(value.sum(), points)
    mine, slope = f.value_and_grad(points)
    assert torch.equal(mine, value.detach()) or mine.isnan().any()
    fine = grad.isfinite().all(-1) & slope.isfinite().all(-1)
    torch.testing.assert_close(slope[fine], grad[fine], rtol=1e-8, atol=1e-8)


ALPHABET = "xy01.5e+-*/()<>=!,^|& \tabsmaxwhere_sqrtorandnot²é\x00\ud800"


def assert_accepted_or_refused(text):
    try:
        formula, error = Formula.parse(text), None
    except FormulaError as refusal:
        formula, error = None, refusal
    if formula:
        assert formula(X).shape == (3,)
    else:
        assert 1 <= error.column <= len(text) + 1
        assert str(error).startswith(f"column {error.column}: ")


@settings(max_examples=300)
@given(st.text() | st.text(st.sampled_from(ALPHABET), max_size=60))
def test_any_text_ends_in_a_formula_or_a_message(text):
    assert_accepted_or_refused(text)


@settings(max_examples=200)
@given(
    st.sampled_from([entry.formula for entry in CATALOGUE.values() if entry.formula]),
    st.lists(
        st.tuples(
            st.integers(0, 200), st.integers(0, 3), st.text(st.sampled_from(ALPHABET), max_size=3)
        ),
        max_size=4,
    ),
)
def test_mutated_formulas_end_in_a_formula_or_a_message(text, edits):
    for place, cut, paste in edits:
        place %= len(text) + 1
        text = text[:place] + paste + text[place + cut :]
    assert_accepted_or_refused(text)


def test_the_worst_texts_end_soon():
    units = ["(", "abs(", "a", " ", "9**", "x<y<", "max(x,", "-", "not ", "1/", "x*", "e**", "0"]
    texts = [unit * (1000 // len(unit)) for unit in units]
    texts += [
        "+".join(f"sin({i}*x)" for i in range(90)),
        "+".join("max(" + ",".join(f"x+{i}{j}" for j in range(10)) + ")" for i in range(14)),
        "1-x*sin(" * 39 + "x" + ")" * 39,
        "x*abs(1-" * 39 + "x" + ")" * 39,
        "x<y or x<y and x<y+x*(" * 39 + "x" + ")" * 39,
        "where(x>0,x*" * 39 + "x" + ",y)" * 39,
        " and ".join(f"x>{i}" for i in range(100)),
        "x**63.5+" * 50 + "y**x",
        "*".join(f"(x+{i})**63" for i in range(60)),
    ]
    start = time.perf_counter()
    for text in texts:
        assert_accepted_or_refused(text)
    # Together, on a machine that has other things to do.
    assert time.perf_counter() - start < 0.1 * len(texts)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_result_does_not_depend_on_its_batch(dtype):
    x = torch.randn(103, 2, dtype=dtype, generator=torch.Generator().manual_seed(1))
    others = [entry.value for entry in CATALOGUE.values()]
    others += [Formula.parse("abs(x)**1.7 + tan(x)*tanh(y)"), Formula.parse("1/(1 + abs(x))**y")]
    for objective in others:
        value, grad = objective.value_and_grad(x)
        same, slope = objective.value_and_grad(x.T.contiguous().T)
        assert torch.equal(same, value)
        assert torch.equal(slope, grad)
        for i in itertools.chain(range(4), range(95, 103)):
            alone, slope = objective.value_and_grad(x[i])
            assert torch.equal(alone, value[i])
            assert torch.equal(slope, grad[i])
