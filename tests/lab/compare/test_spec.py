import json
import math
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscapes import CATALOGUE
from sadam.lab.cli import command as cli
from sadam.lab.cli.compare import spec_from
from sadam.lab.codec import SpecError
from sadam.lab.compare import problems
from sadam.lab.compare.blocks import plan
from sadam.lab.compare.grids import Axis, linear_grid, log_grid
from sadam.lab.compare.problems import TAGS, Starts, draw_starts, problems_of
from sadam.lab.compare.spec import MAX_EVALUATIONS, MAX_RUNS, Compare, estimate
from sadam.lab.compare.suites import SUITES
from sadam.lab.kinds import load
from sadam.lab.rulebook import make_rules
from sadam.rules import RULES

specs = st.builds(
    Compare,
    problems=st.lists(st.sampled_from(list(CATALOGUE)), min_size=1, max_size=4, unique=True).map(
        lambda keys: problems_of(keys, {keys[0]: (7.5, -3.25)})
    ),
    rules=st.lists(st.sampled_from(list(RULES)), min_size=1, max_size=4, unique=True).map(
        lambda keys: make_rules((*keys, "other=s-adam"))
    ),
    lrs=st.lists(st.floats(1e-6, 10), min_size=1, max_size=5, unique=True).map(
        lambda v: tuple(sorted(v))
    ),
    schedules=st.sampled_from([("constant",), ("cosine", "inverse-sqrt")]),
    axes=st.sampled_from([(), (Axis("damping", (0.0, 1.5)), Axis("num_probes", (1.0, 4.0)))]),
    starts=st.sampled_from([Starts("own"), Starts("grid", 3), Starts("random", 2, 0.125)]),
    seeds=st.integers(1, 9),
    seed=st.integers(0, 99),
    steps=st.integers(1, 900),
    cost=st.sampled_from(["steps", "evaluations"]),
    targets=st.sampled_from([(0.5,), (0.1, 1e-4)]),
    controls=st.booleans(),
)


@settings(max_examples=25)
@given(specs)
def test_a_spec_survives_json_and_its_own_command(spec):
    assert Compare.from_json(spec.to_json()) == spec == load(spec.to_json())
    words = shlex.split(spec.to_command())[3:]
    assert spec_from(cli.build_parser().parse_args(cli._joined(words))) == spec


@settings(max_examples=25)
@given(specs, st.integers(1, 50))
def test_the_plan_covers_every_lane_once_and_the_estimate_counts_them(spec, size):
    lanes = {}
    for block in plan(spec, size):
        assert 0 < block.last - block.first <= size
        key = (block.problem, block.schedule, block.label, block.group)
        assert lanes.get(key, 0) == block.first
        lanes[key] = block.last
    places = len(spec.problems) * len(spec.schedules) * len(spec.lrs) * spec.runs
    assert sum(lanes.values()) + places * len(spec.controlled) == estimate(spec).lanes


def test_every_rule_pays_the_same_for_equal_evaluations():
    spec = Compare(rules=make_rules(("adam", "s-adam-two-sided")), cost="evaluations", steps=300)
    (_, adam), (_, ours) = spec.rules
    assert (spec.steps_of(adam), spec.steps_of(ours)) == (300, 100)


def test_a_configuration_is_the_rule_itself_first_and_no_cell_twice():
    spec = Compare(rules=make_rules(("sgd", "s-adam-two-sided")), axes=(Axis("damping", (0, 4)),))
    assert len(spec.configurations["sgd"]) == 1
    assert [rule.damping for rule in spec.configurations["s-adam-two-sided"]] == [4.0, 0.0]


@pytest.mark.parametrize("tag", list(TAGS))
def test_tags(tag):
    keys = {p.landscape for p in problems_of((tag,))}
    assert keys == {f.name for f in CATALOGUE.values() if TAGS[tag](f)}
    assert keys


def test_joined_tags_must_all_hold():
    keys = {p.landscape for p in problems_of(("kinked+convex", "rosenbrock"))}
    convex = {f.name for f in CATALOGUE.values() if f.convex and f.group == "kinked"}
    assert keys == convex | {"rosenbrock"}


def test_grids():
    assert log_grid(1e-3, 1.0, 4) == pytest.approx((1e-3, 1e-2, 1e-1, 1.0))
    assert linear_grid(0.0, 8.0, 5) == (0.0, 2.0, 4.0, 6.0, 8.0)
    assert log_grid(0.5, 0.5, 1) == linear_grid(0.5, 0.5, 1) == (0.5,)


def test_starts_are_the_same_for_all_and_others_for_each_seed():
    (problem,) = problems_of(("cb2",))
    drawn = draw_starts(problem, Starts("random", 4000, 0.5), 7)
    assert (drawn == draw_starts(problem, Starts("random", 4000, 0.5), 7)).all()
    assert (drawn != draw_starts(problem, Starts("random", 4000, 0.5), 8)).all()
    assert drawn.mean(0) == pytest.approx(problem.start, abs=0.04)
    assert drawn.std(0) == pytest.approx([0.5, 0.5], abs=0.03)
    grid = draw_starts(problem, Starts("grid", 5), 0)
    (x0, x1), (y0, y1) = CATALOGUE["cb2"].window
    assert grid[[0, 4, 20, 24]].tolist() == [[x0, y0], [x0, y1], [x1, y0], [x1, y1]]


def test_the_suites_are_what_they_say():
    spec = SUITES["reference"].spec()
    assert (spec.runs, len(spec.lrs), spec.steps) == (16, 16, 500)
    assert (spec.lrs[0], spec.lrs[-1]) == (1e-3, 1.0)
    assert all(getattr(rule, "weight_decay", 0.0) == 0.0 for _, rule in spec.rules)
    assert {p.landscape: p.start for p in spec.problems}["wolfe"] == (5.0, 4.0)
    catalogue = SUITES["catalogue"].spec()
    assert len(catalogue.problems) == len(CATALOGUE)
    assert {label for label, _ in catalogue.rules} == set(RULES)
    assert (len(catalogue.lrs), catalogue.runs, catalogue.steps) == (16, 32, 500)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lrs": (0.1, 0.01)}, "lrs must be positive and increasing"),
        ({"lrs": (0.0, 0.1)}, "lrs must be positive"),
        ({"lrs": (math.nan,)}, r"lrs\[0\] must be a finite number"),
        ({"schedules": ()}, "schedules must hold at least one"),
        ({"schedules": ("cosin",)}, "did you mean 'cosine'"),
        ({"targets": (0.0,)}, "targets must be positive"),
        ({"axes": (Axis("damping", ()),)}, "damping has 0 values"),
        ({"axes": (Axis("dumping", (1.0,)),)}, "did you mean 'damping'"),
        ({"axes": (Axis("damping", (-1.0,)),)}, "invalid damping"),
        ({"axes": (Axis("num_probes", (1.5,)),)}, "num_probes of s-adam must be a whole number"),
        ({"axes": (Axis("l1", (1.0,)),), "rules": make_rules(("adam",))}, "none of the rules has"),
        ({"starts": Starts("grid", 0)}, "number of starts is 0"),
        ({"seeds": 0}, "seeds is 0"),
        ({"steps": 10**9}, "steps is 1000000000"),
        ({"cost": "time"}, "cost cannot be 'time'"),
        ({"baseline": "adm"}, "did you mean 'adam'"),
        ({"seeds": 1000, "starts": Starts("grid", 256)}, f"at most {MAX_RUNS} are allowed"),
        (
            {"seeds": 500, "steps": 20000, "axes": (Axis("num_probes", (200.0,)),)},
            f"at most {MAX_EVALUATIONS} are allowed",
        ),
        ({"rules": make_rules(("s-adam", "matched-s-adam=adamw"))}, "that of a matched control"),
    ],
)
def test_what_cannot_be_is_one_sentence(change, words):
    with pytest.raises(SpecError, match=words) as caught:
        Compare(**change)
    assert "\n" not in str(caught.value)


def test_problems_that_cannot_be():
    for names, words in (
        (("convx",), "did you mean 'convex'"),
        (("smooth+trap",), "no landscape is smooth and trap"),
    ):
        with pytest.raises(SpecError, match=words):
            problems_of(names)
    with pytest.raises(SpecError, match="which is not compared"):
        problems_of(("l1",), {"cb2": (0.0, 0.0)})
    with pytest.raises(SpecError, match="starts at its minimum"):
        Compare(problems=problems_of(("l1",), {"l1": (0.0, 0.0)}))


def test_too_many_problems_are_refused_before_one_is_looked_at(monkeypatch):
    """Searching the minima of thousands of own functions would take half an hour."""
    data, looked_at = json.loads(Compare().to_json()), []
    monkeypatch.setattr(problems, "known_landscape", looked_at.append)
    own = [{"landscape": f"= abs(x) + {i}*y**2", "start": [1, 1]} for i in range(9000)]
    for number, words in ((9000, "9000 problems are too many, at most 64"),
                          (17, "17 own functions are too many, at most 16")):  # fmt: skip
        with pytest.raises(SpecError, match=words):
            Compare.from_dict(data | {"problems": own[:number]})
        with pytest.raises(SpecError, match=words):
            problems_of(problem["landscape"] for problem in own[:number])
    assert looked_at == []


def test_an_empty_grid_in_json_is_refused():
    data = json.loads(Compare().to_json())
    for name in ("lrs", "problems"):
        with pytest.raises(SpecError, match=f"{name} must not be empty"):
            Compare.from_dict(data | {name: []})


def test_a_function_of_ones_own_is_compared_like_any_other():
    own = problems_of(["l1", "= max(x**2, abs(y)); window = -2, 2, -2, 2"])
    spec = Compare(problems=own, rules=make_rules(["adam"]), lrs=(0.01,), steps=20, seeds=1)
    assert Compare.from_json(spec.to_json()) == spec
    words = shlex.split(spec.to_command())[3:]
    assert spec_from(cli.build_parser().parse_args(cli._joined(words))) == spec
    with pytest.raises(SpecError, match="minimum"):
        Compare(problems=problems_of(["= x + y"]))
