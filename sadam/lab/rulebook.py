"""Rules with labels: made from their keys, their hyperparameters typed, changed and checked.

A rule's key (``"s-adam"``) fixes its class and, where several keys share one, what tells them apart
(``probes``); the rest are its hyperparameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, ClassVar, Self

from sadam.lab.codec import (
    SpecError,
    fields_from,
    from_plain,
    from_text,
    nearest,
    reason,
    schema,
    texts,
    to_plain,
)
from sadam.lab.spec import Spec, number_text, spec_body
from sadam.rules import RULES, MomentRule, key_of
from sadam.text import shown

LabelledRules = tuple[tuple[str, MomentRule], ...]

DEFAULT_LR = 0.05
MAX_RULES = 12
MAX_PROBES = 256

SHORTCUTS = ("lr", "betas", "weight_decay", "damping", "num_probes", "radius")
"""Hyperparameters with a command-line option of their own, which sets them for all rules."""

PLAIN = tuple(key for key, make in RULES.items() if make().coefficients().second is None)
"""Rules without a second moment: their steps are lr times the gradient, not about lr long."""

_LABEL = re.compile(r"\w(?:[\w .@+:()/-]{0,38}[\w.@+:()/-])?")


@cache
def _classes() -> dict[type, set[str]]:
    """Every rule's class, and the fields by which the keys that share it differ."""
    classes: dict[type, set[str]] = {}
    for make in RULES.values():
        cls, fixed = (make.func, make.keywords) if isinstance(make, partial) else (make, {})
        classes.setdefault(cls, set()).update(fixed)  # type: ignore[arg-type]
    return classes


def hyperparameters(key: str) -> Mapping[str, Any]:
    """Return the types of a rule's hyperparameters by name, without those its key fixes.

    Args:
        key: Of :data:`sadam.rules.RULES`.

    Raises:
        SpecError: If there is no such rule.
    """
    if not isinstance(key, str) or key not in RULES:
        raise SpecError(f"unknown rule {shown(key)}: {nearest(key, RULES)}")
    return _hyperparameters(key)


@cache
def _hyperparameters(key: str) -> Mapping[str, Any]:
    cls = type(RULES[key]())
    return {n: t for n, t in schema(cls).items() if n not in _classes()[cls]}


def make_rules(names: Iterable[str], *, lr: float = DEFAULT_LR) -> LabelledRules:
    """Return labelled rules with their default hyperparameters and one learning rate.

    Args:
        names: Keys such as ``"adam"``, or ``"LABEL=KEY"`` to use a key several times.
        lr: The learning rate of all, positive and finite.

    Raises:
        SpecError: If a rule is not known or the learning rate is not positive. Whether a spec can
            have the labels, the spec says (:func:`check_rules`).
    """
    rules = []
    for name in texts(names, "names of rules"):
        label, _, key = name.rpartition("=")
        hyperparameters(key)
        rules.append((label or key, build_rule(label or key, key, {"lr": lr})))
    return tuple(rules)


def set_hyperparameter(rules: LabelledRules, who: str, name: str, value: Any) -> LabelledRules:
    """Return the rules with one hyperparameter changed.

    Args:
        rules: Labelled rules.
        who: A label, or ``"all"`` for every rule that has the hyperparameter.
        name: Its name; ``-`` may stand for ``_``.
        value: A text as on the command line, or the value itself.

    Raises:
        SpecError: If there is no such rule or hyperparameter, or the value is not allowed.
    """
    name = from_plain(str, name, "the name of a hyperparameter").replace("-", "_")
    labels = [label for label, _ in rules]
    if who != "all" and who not in labels:
        raise SpecError(f"no rule is called {shown(who)}: {nearest(who, [*labels, 'all'])}")
    chosen = [label for label in labels if who in ("all", label)]
    having = [label for label, rule in rules if label in chosen and name in types_of(rule)]
    if not having:
        known = list(dict.fromkeys(n for label, r in rules if label in chosen for n in types_of(r)))
        subject = f"the rule {who}" if who != "all" else f"none of the rules {', '.join(labels)}"
        verb = "has no" if who != "all" else "has a"
        raise SpecError(f"{subject} {verb} hyperparameter {shown(name)}: {nearest(name, known)}")
    changed = []
    for label, rule in rules:
        if label in having:
            read = from_text if isinstance(value, str) else from_plain
            where = f"{name} of {label}"
            new = read(types_of(rule)[name], value, where)
            rule = build_rule(label, key_of(rule), {**values_of(rule), name: new})
        changed.append((label, rule))
    return tuple(changed)


def kept(named: LabelledRules, known: LabelledRules) -> LabelledRules:
    """Return the rules that are named; one known by the same label and key stays what it is.

    Both are as :func:`make_rules` or a spec has them.
    """
    had = dict(known)
    return tuple(
        (label, had[label] if label in had and key_of(had[label]) == key_of(rule) else rule)
        for label, rule in named
    )


def types_of(rule: MomentRule) -> Mapping[str, Any]:
    """Return the types of a rule's hyperparameters by name."""
    return hyperparameters(key_of(rule))


def values_of(rule: MomentRule) -> dict[str, Any]:
    """Return a rule's hyperparameters by name."""
    return {name: getattr(rule, name) for name in types_of(rule)}


def build_rule(label: str, key: str, values: Mapping[str, Any]) -> MomentRule:
    """Construct a rule; what its class refuses becomes one sentence.

    Args:
        label: How a message calls it.
        key: Of :data:`sadam.rules.RULES`.
        values: Hyperparameters by name; those that are left out have their defaults.

    Raises:
        SpecError: If there is no such rule, or a hyperparameter is none of its or out of its range.
    """
    types = hyperparameters(key)
    if not isinstance(values, Mapping):
        raise SpecError(f"hyperparameters must be given by name, not as {shown(values)}")
    for name, value in values.items():
        if name not in types:
            raise SpecError(f"the rule {key} has no hyperparameter {shown(name)}: "
                            f"{nearest(name, types)}")  # fmt: skip
        if not isinstance(value, int | float):  # the class checks numbers
            from_plain(types[name], value, f"{name} of {label}")
    try:
        rule = RULES[key](**values)
    except SpecError:
        raise
    except ValueError as error:
        raise SpecError(f"rule {label}: {reason(error)}") from None
    if getattr(rule, "num_probes", 1) > MAX_PROBES:
        raise SpecError(
            f"rule {label}: num_probes is {rule.num_probes}, "  # type: ignore[attr-defined]
            f"but at most {MAX_PROBES} are allowed"
        )
    return rule


def read_rule(entry: Any, where: str) -> tuple[str, MomentRule]:
    """Read one entry of the ``rules`` of a spec's JSON.

    Raises:
        SpecError: If it is none.
    """
    if not isinstance(entry, Mapping):
        raise SpecError(f"{where} must be a JSON object, but is {shown(entry)}")
    for name in ("label", "rule"):
        if name not in entry:
            raise SpecError(f"{where} has no field {name!r}, which it must have")
    label = from_plain(str, entry["label"], f"{where}.label")
    key = from_plain(str, entry["rule"], f"{where}.rule")
    values = fields_from({"label": str, "rule": str, **hyperparameters(key)}, entry, where)
    del values["label"], values["rule"]
    return label, build_rule(label, key, values)


def check_rules(rules: Any) -> LabelledRules:
    """Return labelled rules with every number of the type it should have.

    Raises:
        SpecError: If there are none or too many, a label is wrong or given twice, or a
            hyperparameter is not a plain number.
    """
    if not isinstance(rules, list | tuple) or not rules:
        raise SpecError("rules must hold at least one rule")
    if len(rules) > MAX_RULES:
        raise SpecError(f"{len(rules)} rules are too many, at most {MAX_RULES} are allowed")
    checked: dict[str, MomentRule] = {}
    for i, pair in enumerate(rules):
        if not isinstance(pair, Sequence) or len(pair) != 2 or not isinstance(pair[1], MomentRule):
            raise SpecError(
                f"rules[{i}] must be a pair of a label and a rule, but is {shown(pair)}"
            )
        label, rule = pair
        if not isinstance(label, str) or not _LABEL.fullmatch(label) or label == "all":
            raise SpecError(
                f"rules[{i}] has the label {shown(label)}, but a label is at most 40 letters, "
                "digits, spaces and any of . @ + : ( ) / - and is not 'all'"
            )
        if type(rule) not in _classes():
            raise SpecError(f"{shown(rule)} is not one of the rules {', '.join(RULES)}")
        key = key_of(rule)
        if label in RULES and label != key:
            raise SpecError(f"the label {label!r} is the name of another rule than {key!r}")
        if label in checked:
            raise SpecError(f"two rules have the label {label!r}: every rule needs its own")
        typed = {
            name: from_plain(kind, getattr(rule, name), f"{name} of {label}")
            for name, kind in hyperparameters(key).items()
        }
        checked[label] = build_rule(label, key, typed)
    return tuple(checked.items())


def rules_to_plain(rules: LabelledRules) -> list[dict[str, Any]]:
    """Return checked rules as the ``rules`` of a spec's JSON."""
    return [
        {"label": label, "rule": key_of(rule), **to_plain(values_of(rule))} for label, rule in rules
    ]


def rules_from_plain(entries: Sequence[Any]) -> LabelledRules:
    """Read what :func:`rules_to_plain` returned.

    Raises:
        SpecError: If it is anything else, or more than :data:`MAX_RULES`.
    """
    if not isinstance(entries, list | tuple):
        raise SpecError(f"rules must be a list, but is {shown(entries)}")
    if len(entries) > MAX_RULES:  # before each is read: a file may hold thousands
        raise SpecError(f"{len(entries)} rules are too many, at most {MAX_RULES} are allowed")
    return tuple(read_rule(entry, f"rules[{i}]") for i, entry in enumerate(entries))


def rule_words(rules: LabelledRules) -> list[str]:
    """Return the words of a command line that set these checked rules; at least one."""
    keys = [(label, key_of(rule)) for label, rule in rules]
    names = [key if label == key else f"{label}={key}" for label, key in keys]
    words = ["--rules", ",".join(names)]
    base = make_rules(names)
    for name in SHORTCUTS:
        having = [label for label, rule in rules if name in types_of(rule)]
        values = [getattr(dict(rules)[label], name) for label in having]
        usual = values == [getattr(dict(base)[label], name) for label in having]
        if name == "lr" or (len(set(values)) == 1 and not usual):
            common = max(values, key=values.count)
            words.append(f"--{name.replace('_', '-')}={number_text(common)}")
            base = set_hyperparameter(base, "all", name, common)
    for (label, rule), (_, default) in zip(rules, base, strict=True):
        for name, value in values_of(rule).items():
            if value != getattr(default, name):
                words.append(f"--set={label}.{name}={number_text(value)}")
    return words


class RuledSpec(Spec):
    """Base of the specs that have rules, as ``(label, rule)`` pairs.

    Its JSON has every hyperparameter of each. ``filled`` names the lists that a file must fill,
    though in Python leaving them out means the usual ones.
    """

    filled: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Read what :meth:`to_dict` returned.

        Raises:
            SpecError: If it is anything else.
        """
        types = {**schema(cls), "rules": tuple[Any, ...]}
        values = fields_from(types, spec_body(data, cls), "the spec")
        for name in cls.filled:
            if not values[name]:
                raise SpecError(f"{name} must not be empty")
        return cls(**{**values, "rules": rules_from_plain(values["rules"])})

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as plain dicts, lists, texts and numbers."""
        rules: LabelledRules = self.rules  # type: ignore[missing-attribute]  # a subclass's field
        return {**super().to_dict(), "rules": rules_to_plain(rules)}
