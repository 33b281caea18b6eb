import json
import math
import shlex
import string
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from landscapes import CATALOGUE
from sadam.lab.cli import build_parser, experiment_from
from sadam.lab.codec import MAX_BYTES, SpecError
from sadam.lab.experiment import (
    MAX_EVALUATIONS,
    MAX_POINTS,
    MAX_START,
    MAX_STARTS,
    MAX_STEPS,
    PAPER_RULES,
    Experiment,
    make_rules,
)
from sadam.lab.kinds import load
from sadam.lab.rulebook import MAX_PROBES, MAX_RULES, PLAIN, hyperparameters, set_hyperparameter
from sadam.rules import RULES, SGD, Adam, AdamW, MomentRule, SAdam, key_of
from sadam.schedules import SCHEDULES

# ---- random experiments

positive = st.floats(1e-12, 1e12)
nonnegative = st.one_of(st.just(0.0), positive)
unit = st.floats(0, 1, exclude_max=True)
HYPERPARAMETERS = {
    "lr": positive,
    "momentum": unit,
    "l1": nonnegative,
    "betas": st.tuples(unit, unit),
    "eps": nonnegative,
    "weight_decay": nonnegative,
    "damping": nonnegative,
    "num_probes": st.integers(1, 8),
    "radius": positive,
    "sphere": st.sampled_from(["global", "tensor"]),
    "zeta": positive,
    "cap": positive,
}
inner = st.text(string.ascii_letters + string.digits + " .@+:()/-σé_", max_size=30)
labels = st.builds(lambda middle, end: f"a{middle}{end}", inner, st.sampled_from("x9)é"))


@st.composite
def labelled_rules(draw):
    rules = {}
    for _ in range(draw(st.integers(1, 4))):
        key = draw(st.sampled_from(sorted(RULES)))
        some = draw(st.sets(st.sampled_from(sorted(hyperparameters(key)))))
        rule = RULES[key](**{name: draw(HYPERPARAMETERS[name]) for name in sorted(some)})
        label = key if key not in rules and draw(st.booleans()) else draw(labels)
        if label not in RULES or label == key:
            rules[label] = rule
    return tuple(rules.items()) or (("adam", Adam()),)


coordinates = st.floats(-MAX_START, MAX_START)
experiments = st.builds(
    Experiment,
    landscape=st.sampled_from(sorted(CATALOGUE)),
    starts=st.lists(st.tuples(coordinates, coordinates), max_size=4).map(tuple),
    rules=labelled_rules(),
    steps=st.integers(1, 2000),
    seed=st.integers(0, 2**32 - 1),
    schedule=st.sampled_from(sorted(SCHEDULES)),
)


@given(experiments)
def test_json_and_back_is_the_same_experiment(spec):
    again = load(spec.to_json())
    assert again == spec
    assert hash(again) == hash(spec)
    assert again.to_json() == spec.to_json()
    assert Experiment.from_dict(spec.to_dict()) == spec
    assert Experiment.from_json(spec.to_json(indent=2).encode()) == spec


@given(experiments)
@pytest.mark.slow
def test_the_command_line_says_the_same_experiment(spec):
    words = shlex.split(spec.to_command())
    assert words[:4] == ["python", "-m", "sadam", "race"]
    assert experiment_from(build_parser().parse_args(words[3:])) == spec


def test_what_an_experiment_holds_is_explicit_in_its_json():
    data = Experiment(rules=(("mine", SAdam(probes="two-sided")),)).to_dict()
    assert data["kind"] == "race"
    assert data["version"] == 1
    (entry,) = data["rules"]
    assert entry["label"] == "mine"
    assert entry["rule"] == "s-adam-two-sided"
    assert entry["damping"] == 4.0  # the default is resolved, not left to the reader
    assert set(entry) == {"label", "rule", *hyperparameters("s-adam-two-sided")}


# ---- defaults


def test_the_default_race_is_the_papers_methods_and_the_two_sided_one():
    spec = Experiment()
    assert [label for label, _ in spec.rules] == list(PAPER_RULES)
    assert spec.starts == (CATALOGUE[spec.landscape].start,)
    assert spec.starts == ((-1.5, 2.0),)
    assert {rule.lr for _, rule in spec.rules} == {0.05}
    assert dict(spec.rules)["s-adam"] == SAdam(lr=0.05)
    assert dict(spec.rules)["s-adam-two-sided"] == SAdam(lr=0.05, probes="two-sided")


def test_it_is_frozen_hashable_and_plain():
    spec = Experiment("cb2", [[1, 2]], [["adam", Adam(lr=1, betas=(0, np.float64(0.5)))]])
    assert spec.starts == ((1.0, 2.0),)
    assert isinstance(spec.rules[0][1].lr, float)
    assert type(spec.rules[0][1].betas[1]) is float
    assert len({spec, replace(spec), replace(spec, seed=1)}) == 2
    with pytest.raises(FrozenInstanceError):
        spec.seed = 2


@pytest.mark.parametrize("key", sorted(RULES))
def test_every_rule_is_known_by_its_key(key):
    ((label, rule),) = make_rules([key], lr=0.5)
    assert label == key == key_of(rule)
    assert rule == RULES[key](lr=0.5)
    assert "probes" not in hyperparameters(key)


def test_a_key_can_be_used_twice_under_labels():
    rules = make_rules(["adam", "slow=adam"])
    rules = set_hyperparameter(rules, "slow", "lr", "0.001")
    assert rules == (("adam", Adam(lr=0.05)), ("slow", Adam(lr=0.001)))


def test_all_sets_every_rule_that_has_the_hyperparameter():
    rules = make_rules(["sgd", "adamw", "s-adam"])
    rules = set_hyperparameter(rules, "all", "weight-decay", 0)
    assert rules == (
        ("sgd", SGD(lr=0.05)),
        ("adamw", AdamW(lr=0.05, weight_decay=0.0)),
        ("s-adam", SAdam(lr=0.05, weight_decay=0.0)),
    )


# ---- what is refused, and in which words

NAN, INF = math.nan, math.inf


class _Own(MomentRule):
    def coefficients(self):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"landscape": "cresent"}, "'crescent'"),
        ({"landscape": 3}, "landscape must be a text, but is 3"),
        ({"starts": ((NAN, 0),)}, r"starts\[0\]\[0\] must be a finite number, but is nan"),
        ({"starts": ((0, -INF),)}, r"starts\[0\]\[1\] must be a finite number"),
        ({"starts": ((1, 2, 3),)}, r"starts\[0\] must have 2 values"),
        ({"starts": ((True, 0),)}, r"starts\[0\]\[0\] must be a number, but is True"),
        ({"starts": "12"}, "starts must be a list"),
        ({"starts": ((2e6, 0),)}, r"within \+-1e\+06"),
        ({"starts": ((0, 0),) * 257}, f"257 starts are too many, at most {MAX_STARTS}"),
        ({"rules": ()}, "at least one rule"),
        ({"rules": (("adam", SAdam()),)}, "'adam' is the name of another rule than 's-adam'"),
        ({"rules": (("s-adam", SAdam(probes="two-sided")),)}, "than 's-adam-two-sided'"),
        ({"rules": (("a", Adam()), ("a", Adam(lr=2)))}, "two rules have the label 'a'"),
        ({"rules": (("all", Adam()),)}, "the label 'all'"),
        ({"rules": (("a=b", Adam()),)}, "the label 'a=b'"),
        ({"rules": (("a,b", Adam()),)}, "the label 'a,b'"),
        ({"rules": (("<b>", Adam()),)}, "the label '<b>'"),
        ({"rules": (("x" * 41, Adam()),)}, "at most 40 letters"),
        ({"rules": (("", Adam()),)}, "the label ''"),
        ({"rules": (("mine", _Own()),)}, f"is not one of the rules {', '.join(RULES)}"),
        ({"rules": (("adam", 3),)}, r"rules\[0\] must be a pair"),
        ({"rules": (("adam", Adam(lr=torch.ones(2))),)}, "lr of adam must be a number"),
        ({"rules": (("s-adam", SAdam(num_probes=257)),)}, f"at most {MAX_PROBES}"),
        ({"rules": tuple((f"a{i}", Adam()) for i in range(13))}, f"at most {MAX_RULES}"),
        ({"steps": 0}, f"between 1 and {MAX_STEPS}"),
        ({"steps": 10**6}, f"steps is 1000000, but must lie between 1 and {MAX_STEPS}"),
        ({"steps": True}, "steps must be a whole number, but is True"),
        ({"steps": 5.0}, "steps must be a whole number, but is 5.0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "must lie between 0 and 4294967295"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin': did you mean 'cosine'"),
        ({"schedule": ["x"]}, "unknown schedule"),
        ({"steps": 20_000, "starts": ((0, 0),) * 256}, f"at most {MAX_POINTS} are allowed"),
        (
            {
                "steps": 20_000,
                "rules": (("s-adam", SAdam(num_probes=256)),),
                "starts": ((0, 0),) * 9,
            },
            f"at most {MAX_EVALUATIONS} are allowed",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(fields, words):
    with pytest.raises(SpecError, match=words) as refusal:
        Experiment(**fields)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("who", "name", "value", "words"),
    [
        ("sadam", "lr", "1", "no rule is called 'sadam': did you mean 's-adam'"),
        ("adam", "radius", "1", "the rule adam has no hyperparameter 'radius'"),
        ("all", "radus", "1", "did you mean 'radius'"),
        ("all", "lr", "-1", "rule adam: invalid lr: -1.0, must be positive"),
        ("all", "lr", "0", "must be positive"),
        ("all", "lr", "nan", "lr of adam must be a finite number, but is nan"),
        ("all", "lr", "fast", "lr of adam must be a number, but is 'fast'"),
        ("s-adam", "radius", "0", "invalid radius: 0.0, must be positive"),
        ("s-adam", "radius", "-0.1", "invalid radius: -0.1, must be positive"),
        ("s-adam", "num_probes", "2.5", "num_probes of s-adam must be a whole number"),
        ("s-adam", "num_probes", "0", "at least 1"),
        ("s-adam", "num_probes", "1000", "at most 256"),
        ("s-adam", "sphere", "tensr", "did you mean 'tensor'"),
        ("s-adam", "probes", "two-sided", "no hyperparameter 'probes'"),
        ("adam", "betas", "0.9", "betas of adam must be 2 numbers"),
        ("adam", "betas", "0.9,1", r"invalid beta2: 1.0, must be in \[0, 1\)"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence(who, name, value, words):
    with pytest.raises(SpecError, match=words) as refusal:
        set_hyperparameter(make_rules(["adam", "s-adam"]), who, name, value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "nearest"), [("adm", "adam"), ("Adam", "adam"), ("sadam", "s-adam")]
)
def test_an_unknown_rule_is_told_the_nearest(name, nearest):
    with pytest.raises(SpecError, match=f"unknown rule '{name}': did you mean '{nearest}'"):
        make_rules([name])


# ---- JSON that is not a spec


def _json(**changes):
    return json.dumps({**Experiment().to_dict(), **changes})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not JSON: expecting value at line 1, column 1"),
        ('{"kind": "race",}', "is not JSON: .* at line 1, column 17"),
        (b"\xff\xfe", "not text in UTF-8"),
        ("[]", r"must be a JSON object, but is \[\]"),
        ("3", "must be a JSON object"),
        ("{}", "has no field 'kind'"),
        ('{"kind": "race"}', "has no field 'version'"),
        ('{"kind": "rase", "version": 1}', "unknown kind 'rase': did you mean 'race'"),
        ('{"kind": [], "version": 1}', r"unknown kind \[\]"),
        (_json(version=2), "has version 2, but this program reads versions up to 1"),
        (_json(version=0), "versions begin at 1"),
        (_json(version=True), "version must be a whole number"),
        (_json(version="1"), "version must be a whole number, but is '1'"),
        (_json(stps=3), "unknown field 'stps': did you mean 'steps'"),
        (_json(starts=[]), "starts must not be empty"),
        (_json(starts=[[0, 0]] * 10_001), "starts has 10001 values, but at most 10000 are read"),
        (_json(starts=[["1", 2]]), r"starts\[0\]\[0\] must be a number, but is '1'"),
        (_json(rules=[]), "at least one rule"),
        (_json(rules={}), "rules must be a list"),
        (_json(rules=["adam"]), r"rules\[0\] must be a JSON object, but is 'adam'"),
        (_json(rules=[{"rule": "adam"}]), r"rules\[0\] has no field 'label'"),
        (_json(rules=[{"label": "adam"}]), r"rules\[0\] has no field 'rule'"),
        (_json(rules=[{"label": "a", "rule": "adm"}]), "unknown rule 'adm': did you mean 'adam'"),
        (_json(rules=[{"label": "a", "rule": "adam"}]), r"rules\[0\] has no field 'lr'"),
        (_json(schedule=None), "schedule must be a text, but is None"),
        (_json().replace('"seed": 0', '"seed": 0, "seed": 1'), "the field 'seed' twice"),
        (_json().replace('"seed": 0', '"seed": NaN'), "holds NaN, but every number must be finite"),
        (_json().replace('"lr": 0.05', '"lr": Infinity', 1), "holds Infinity"),
        (_json().replace('"lr": 0.05', '"lr": 1e999', 1), "must be a finite number"),
        (_json().replace('"lr": 0.05', '"lr": true', 1), r"rules\[0\].lr must be a number"),
        (_json().replace('"lr": 0.05', '"lr": -1', 1), "must be positive"),
        (_json().replace('"lr"', '"lrr"', 1), r"rules\[0\] has an unknown field 'lrr': .*'lr'"),
        (_json().replace('"seed": 0', '"seed": ' + "1" * 5000), "too many digits"),
        (_json().replace('"lr": 0.05', '"lr": 1' + "0" * 400, 1), "must be a finite number"),
        ("[" * 100_000, "nested too deeply"),
        (" " * (MAX_BYTES + 1), f"too large, a spec has at most {MAX_BYTES} bytes"),
    ],
)
def test_json_that_is_no_spec_is_refused_in_one_sentence(text, words):
    with pytest.raises(SpecError, match=words) as refusal:
        load(text)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("name", sorted(Experiment().to_dict()))
def test_every_field_must_be_there(name):
    data = Experiment().to_dict()
    del data[name]
    with pytest.raises(SpecError, match=f"the spec has no field '{name}'"):
        Experiment.from_dict(data)


def test_a_byte_order_mark_is_no_obstacle():
    assert load(b"\xef\xbb\xbf" + Experiment().to_json().encode()) == Experiment()


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def _places(data, path=()):
    yield path
    children = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in children:
        if isinstance(value, dict | list):
            yield from _places(value, (*path, key))
        else:
            yield (*path, key)


@given(st.data())
@pytest.mark.slow
def test_a_mutated_spec_is_a_spec_or_refused(data):
    plain = json.loads(data.draw(experiments).to_json())
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from([path for path in _places(plain) if path]))
        holder = plain
        for key in path[:-1]:
            holder = holder[key]
        match data.draw(st.sampled_from(["change", "remove", "add"])):
            case "change":
                holder[path[-1]] = data.draw(junk)
            case "remove":
                del holder[path[-1]]
            case "add" if isinstance(holder, dict):
                holder[data.draw(st.text(max_size=5))] = data.draw(junk)
            case _:
                holder.append(data.draw(junk))
        if not isinstance(plain, dict) or not plain:
            break
    _spec_or_one_sentence(json.dumps(plain))


@given(st.text(max_size=200))
@example("\x00")
@example('{"kind": "\\ud800"}')
def test_any_text_is_a_spec_or_refused(text):
    _spec_or_one_sentence(text)


@given(st.data())
def test_a_damaged_text_is_a_spec_or_refused(data):
    text = Experiment().to_json()
    at = data.draw(st.integers(0, len(text) - 1))
    width = data.draw(st.integers(0, 30))
    _spec_or_one_sentence(text[:at] + data.draw(st.text(max_size=3)) + text[at + width :])


def _spec_or_one_sentence(text):
    try:
        spec = load(text)
    except SpecError as error:
        message = str(error)
    else:
        message = "fine"
        assert load(spec.to_json()) == spec
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("key", RULES)
def test_plain_rules_are_those_whose_step_grows_with_the_gradient(key):
    def step(size):
        rule, x = RULES[key](lr=0.1), torch.zeros(1, 2, dtype=torch.float64)
        grad = torch.tensor([[size, size]], dtype=torch.float64)
        return float(rule.update(x, grad, torch.zeros(1), rule.init(x), 1)[0, 0])

    assert (key in PLAIN) == (step(1000.0) / step(10.0) > 50)
