"""What is equal in a comparison, steps or evaluations, and what each rule gets, in words.

They follow from the spec alone, whatever is complete.
"""

from __future__ import annotations

from dataclasses import replace

from sadam.lab.compare.results import Results
from sadam.lab.compare.spec import Compare, cost_of


def costs_differ(spec: Compare) -> bool:
    """Whether a step of one rule takes more evaluations than one of another, controls included."""
    costs = {cost_of(rule) for _, rule in spec.rules} | ({2} if spec.controlled else set())
    return len(costs) > 1


def other_budget(spec: Compare) -> Compare | None:
    """The same comparison with the other thing equal; None where both are equal anyway."""
    if not costs_differ(spec):
        return None
    return replace(spec, cost="evaluations" if spec.cost == "steps" else "steps")


def budget(results: Results) -> str:
    """Return what every rule gets, as the headline says it: "at equal steps (...)"."""
    spec = results.spec
    rules = [(results.style(label).title, rule) for label, rule in spec.rules]
    dear = [(title, rule) for title, rule in rules if cost_of(rule) > 2]
    if not costs_differ(spec):
        taken = spec.steps_of(rules[0][1])
        return f"at {taken} steps and {taken * cost_of(rules[0][1])} evaluations of each rule"
    others = bool(spec.controlled) or len(dear) < len(rules)
    if spec.cost == "steps":
        costs = ", ".join(f"{title} {cost_of(rule)}" for title, rule in dear)
        costs += ", the others 2" * others
        return f"at equal steps ({spec.steps}; evaluations a step: {costs})"
    taken = ", ".join(f"{title} {spec.steps_of(rule)}" for title, rule in dear)
    taken += f", the others {spec.steps}" * others
    return f"at equal evaluations (at most {2 * spec.steps}; steps: {taken})"


def cost_words(results: Results) -> str:
    """What a caption has to say of the cost; empty where all rules cost the same."""
    spec = results.spec
    if not costs_differ(spec):
        return ""
    if spec.cost == "steps":
        return (
            "Steps are equal, evaluations are not: it does not show what a step costs, which is "
            "more for a rule that probes."
        )
    return (
        f"Evaluations are equal, at most {2 * spec.steps} of each rule: one that probes took fewer "
        "steps."
    )
