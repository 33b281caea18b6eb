"""The kinds of spec there are: how each is read, run, and written about.

What they need is imported when it is needed: reading a race does not wait for networks.
"""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING, NamedTuple

from sadam.lab.codec import SpecError, nearest, parse_json
from sadam.text import shown

if TYPE_CHECKING:
    from sadam.lab.export import Bundle
    from sadam.lab.spec import Spec


class Kind(NamedTuple):
    """Where a kind's class is, the function that runs it, and the one that makes its bundle.

    Without the last two it is run and written about in a directory, by commands of its own.
    """

    spec: str
    run: str | None = None
    bundle: str | None = None


KINDS = {
    "race": Kind(
        "sadam.lab.experiment:Experiment",
        "sadam.lab.race:run_race",
        "sadam.lab.export:race_bundle",
    ),
    "lgi-map": Kind(
        "sadam.lab.lgi_map:LgiMap",
        "sadam.lab.lgi_map:run_map",
        "sadam.lab.lgi_report:map_bundle",
    ),
    "calibration": Kind(
        "sadam.lab.calibration:CalibrationSpec",
        "sadam.lab.calibration:run_calibration",
        "sadam.lab.lgi_report:calibration_bundle",
    ),
    "training": Kind(
        "sadam.lab.training.spec:Training",
        "sadam.lab.training:run_training",
        "sadam.lab.training.report:training_bundle",
    ),
    "compare": Kind("sadam.lab.compare.spec:Compare"),
}
"""By the name in the ``"kind"`` field of a spec's JSON."""


def load(text: str | bytes) -> Spec:
    """Read the JSON of a spec of any kind, as text or UTF-8.

    Raises:
        SpecError: If it is none, or anything in it is out of its range.
    """
    data = parse_json(text)
    if isinstance(data, dict) and "kind" not in data:
        raise SpecError("the spec has no field 'kind', which it must have")
    kind = data["kind"] if isinstance(data, dict) else "race"  # whose class says that it is none
    if not isinstance(kind, str) or kind not in KINDS:
        raise SpecError(f"the spec has an unknown kind {shown(kind)}: {nearest(kind, KINDS)}")
    return resolve_name(KINDS[kind].spec).from_dict(data)


def bundle_of(spec: Spec) -> Bundle:
    """Compute a spec and return what can be written about it.

    Raises:
        ValueError: If its kind is run in a directory, by commands of its own.
    """
    kind = KINDS[spec.kind]
    if kind.run is None or kind.bundle is None:
        raise ValueError(
            f"a spec of kind {spec.kind!r} has a command of its own: python -m sadam {spec.kind} "
            "--spec FILE --out DIR, then python -m sadam report DIR"
        )
    return resolve_name(kind.bundle)(resolve_name(kind.run)(spec))
