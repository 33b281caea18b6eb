"""Every kind of spec: read by `load`, its long lists refused before they are read."""

import json
from pkgutil import resolve_name

import pytest

from sadam.lab import rulebook
from sadam.lab.codec import SpecError
from sadam.lab.kinds import KINDS, bundle_of, load
from sadam.lab.rulebook import RuledSpec


@pytest.fixture(params=KINDS)
def usual(request):
    """A spec of every kind, as all its fields' own values make it."""
    return resolve_name(KINDS[request.param].spec)()


def test_every_kind_is_read_as_itself(usual):
    assert KINDS[usual.kind].spec.endswith(f":{type(usual).__name__}")
    assert load(usual.to_json()) == usual


def test_what_runs_and_tells_a_kind_is_there(usual):
    kind = KINDS[usual.kind]
    if kind.run and kind.bundle:
        assert callable(resolve_name(kind.run))
        assert callable(resolve_name(kind.bundle))
    else:
        with pytest.raises(ValueError, match=f"python -m sadam {usual.kind} --spec FILE"):
            bundle_of(usual)


def test_thousands_of_rules_are_refused_before_one_is_read(usual, monkeypatch):
    if not isinstance(usual, RuledSpec):
        assert "rules" not in usual.to_dict()
        return
    data = usual.to_dict()
    data["rules"] = data["rules"][:1] * 9000
    read = []
    monkeypatch.setattr(rulebook, "read_rule", lambda *entry: read.append(entry))
    with pytest.raises(SpecError, match="9000 rules are too many, at most 12"):
        load(json.dumps(data))
    assert read == []


def test_a_number_too_long_to_be_written_is_refused_in_one_sentence(usual):
    data = usual.to_dict()
    for name, value in data.items():
        if name != "kind" and not isinstance(value, list):
            with pytest.raises(SpecError, match=r"a number beyond all bounds|must be"):
                type(usual).from_dict(data | {name: 10**5000})


@pytest.mark.parametrize(
    "text", ["[]", "7", '{"version": 1}', '{"kind": "nothing"}', '{"kind": 1}']
)
def test_what_is_no_spec_is_refused_in_one_sentence(text):
    with pytest.raises(SpecError, match="the spec"):
        load(text)
