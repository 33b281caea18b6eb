"""The options of a command that choose rules and set their hyperparameters."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from sadam.lab.cli.terminal import names_in

if TYPE_CHECKING:
    from sadam.lab.rulebook import LabelledRules

DEFAULT_RULES = "adam,adamw,prox-sgd,s-adam,s-adam-two-sided"


def add_rule_options(parser: ArgumentParser, lr: float, rules: str = DEFAULT_RULES) -> None:
    """Add them to a parser.

    Args:
        parser: A command's.
        lr: What its help states as the default learning rate.
        rules: What it states as the default rules.
    """
    group = parser.add_argument_group(
        "rules",
        "and hyperparameters, set for all rules that have them; by default the authors' but for lr",
    )
    group.add_argument(
        "--rules",
        metavar="KEY,KEY,...",
        help=f"the optimizers, KEY or LABEL=KEY to use one twice (default: {rules})",
    )
    group.add_argument("--lr", metavar="LR", help=f"learning rate (default: {lr:g})")
    group.add_argument("--betas", metavar="B1,B2", help="moment decay rates (default: 0.9,0.999)")
    group.add_argument(
        "--weight-decay", metavar="WD", help="decoupled weight decay of AdamW, S-Adam (0.01)"
    )
    group.add_argument(
        "--damping", metavar="LAMBDA", help="strength of the brake (2; 4 for two-sided)"
    )
    group.add_argument("--num-probes", metavar="K", help="probe directions at each step (2)")
    group.add_argument("--radius", metavar="SIGMA", help="distance of the probes (0.01)")
    group.add_argument(
        "--set",
        metavar="RULE.NAME=VALUE",
        action="append",
        default=[],
        help="any hyperparameter of one rule (by label), or of all with RULE 'all'; repeatable",
    )


def rules_from(arguments: Namespace, known: LabelledRules, lr: float) -> LabelledRules:
    """Return the rules that the options describe.

    Args:
        arguments: What was parsed.
        known: The rules without options; a rule that ``--rules`` names again keeps what it has.
        lr: Learning rate of rules that are not known.

    Raises:
        ValueError: If they describe none.
    """
    from sadam.lab.rulebook import SHORTCUTS, kept, make_rules, set_hyperparameter

    rules = known
    if arguments.rules is not None:
        rules = kept(make_rules(names_in(arguments.rules), lr=lr), known)
    for name in SHORTCUTS:
        if (text := getattr(arguments, name)) is not None:
            rules = set_hyperparameter(rules, "all", name, text)
    for setting in arguments.set:
        place, equals, text = setting.partition("=")
        who, dot, name = place.rpartition(".")
        if not (equals and dot):
            raise ValueError(
                f"--set {setting}: it must look like RULE.NAME=VALUE, e.g. s-adam.radius=0.05"
            )
        rules = set_hyperparameter(rules, who, name, text)
    return rules
