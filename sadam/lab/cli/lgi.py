"""The commands ``lgi-map`` and ``calibrate``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from sadam.lab.cli.landscape import add_landscape_options, landscape_from
from sadam.lab.cli.options import add_input_and_output, add_options, base_fields, fields_given
from sadam.lab.cli.terminal import deliver, names_in, show_line

if TYPE_CHECKING:
    from sadam.lab.calibration import CalibrationSpec
    from sadam.lab.lgi_map import LgiMap

MAP_ABOUT = """\
Measure at every point of a grid what the probes of S-Adam see there, and what there is to see:

  one-sided     LGI as published (variance of the slopes over their power), and its brake
  two-sided     two-sided LGI (share of the slopes' power in their even part), and its brake
  goldstein     diameter of the gradients sampled within the radius: the truth about instability
  stationarity  distance of 0 to the hull of those gradients; 0 at a stationary point
  spread        mean and standard deviation of both LGIs with as few probes as the optimizer draws

The table has the mean of each over the window, over the points with a kink within the radius and
over the others, and the area under the ROC curve for telling the two apart (1 always, 0.5 chance, 0
the wrong way round). Exit codes are those of race.
"""

CALIBRATE_ABOUT = """\
Hold both estimators of LGI against the truth on one landscape or on all: how well each tells points
with a kink within the radius from the rest (area under the ROC curve; 0.5 is chance), and how its
ranks go with the Goldstein diameter. Where the two-sided area is below 0.95, it says why. With
--out also bias and spread against the number of probes, the radius and the dimension, beside their
closed forms. All landscapes take about a minute.
"""

EXAMPLES = """\
examples:
  python -m sadam lgi-map --landscape cb2 --radius 0.05 --out cb2-map
  python -m sadam lgi-map --landscape l1 --probes two-sided,stationarity --window=-1,1,-1,1
  python -m sadam lgi-map --spec cb2-map/spec.json --seed 1 --json
  python -m sadam calibrate --landscape lasso --radius 0.01,0.05
  python -m sadam calibrate --out calibration --formats html,csv
"""

MAP_OPTIONS = {
    "grid": ("N", "points along each side (default: 201)"),
    "num-probes": ("K", "probe directions at each point (default: 64)"),
    "radius": ("SIGMA", "distance of the probes, radius of the ball (default: 0.01)"),
    "seed": ("N", "seed of directions and samples (default: 0)"),
}
MORE_MAP_OPTIONS = {
    "damping-one-sided": ("LAMBDA", "strength of the brake of one-sided probes (default: 2)"),
    "damping-two-sided": ("LAMBDA", "strength of the brake of two-sided probes (default: 4)"),
    "num-samples": ("N", "gradients sampled at each point (default: 64)"),
    "spread-probes": ("K", "probes that the optimizer draws, for spread (default: 2)"),
    "repetitions": ("N", "how often it draws them, for spread (default: 32)"),
}
CALIBRATE_OPTIONS = {
    "grid": ("N", "points along each side of a window (default: 201)"),
    "num-probes": ("K", "probe directions at each point (default: 64)"),
    "seed": ("N", "seed of directions and samples (default: 0)"),
}


def add_commands(commands: Any) -> None:
    """Add both commands to the parser's."""
    raw = argparse.RawDescriptionHelpFormatter
    add = commands.add_parser(
        "lgi-map",
        help="map what the probes see over a landscape",
        description=MAP_ABOUT,
        epilog=EXAMPLES,
        formatter_class=raw,
        allow_abbrev=False,
    )
    what = add.add_argument_group("what to measure")
    add_landscape_options(what)
    what.add_argument(
        "--probes",
        metavar="P,P,...",
        help="any of one-sided,two-sided,goldstein,stationarity,spread "
        "(default: one-sided,two-sided,goldstein)",
    )
    add_options(what, MAP_OPTIONS)
    what.add_argument(
        "--window", metavar="X0,X1,Y0,Y1", help="where (default: the landscape's own window)"
    )
    add_options(what, MORE_MAP_OPTIONS)
    add_input_and_output(add, "html,parquet,csv,png,svg,pdf,npz")
    add.set_defaults(run=_lgi_map)

    add = commands.add_parser(
        "calibrate",
        help="hold both estimators of LGI against the kinks that are there",
        description=CALIBRATE_ABOUT,
        epilog=EXAMPLES,
        formatter_class=raw,
        allow_abbrev=False,
    )
    what = add.add_argument_group("what to do")
    add_landscape_options(what, "the function, or all (default: all)")
    what.add_argument(
        "--radius", metavar="SIGMA,...", help="one radius or several (default: 0.01,0.05)"
    )
    add_options(what, CALIBRATE_OPTIONS)
    add_input_and_output(add, "html,parquet,csv,png,svg,pdf")
    add.set_defaults(run=_calibrate)


def map_from(arguments: argparse.Namespace) -> LgiMap:
    """Return the map that the options of ``lgi-map`` describe.

    Raises:
        ValueError: If they describe none, or the file of ``--spec`` cannot be read.
    """
    from sadam.lab.codec import from_text
    from sadam.lab.lgi_map import LgiMap

    landscape = landscape_from(arguments)
    given = base_fields(arguments, LgiMap)
    if landscape is not None:
        if landscape != given.get("landscape"):
            given.pop("window", None)
        given["landscape"] = landscape
    if arguments.probes is not None:
        given["probes"] = names_in(arguments.probes)
    if arguments.window is not None:
        Sides = tuple[float, float, float, float]
        x0, x1, y0, y1 = from_text(Sides, arguments.window, "window")
        given["window"] = ((x0, x1), (y0, y1))
    given |= fields_given(arguments, LgiMap, (*MAP_OPTIONS, *MORE_MAP_OPTIONS))
    return LgiMap(**given)


def calibration_from(arguments: argparse.Namespace) -> CalibrationSpec:
    """Return the calibration that the options of ``calibrate`` describe.

    Raises:
        ValueError: If they describe none, or the file of ``--spec`` cannot be read.
    """
    from sadam.lab.calibration import CalibrationSpec
    from sadam.lab.codec import from_text

    landscape = landscape_from(arguments)
    given = base_fields(arguments, CalibrationSpec)
    if landscape is not None:
        given["landscape"] = landscape
    if arguments.radius is not None:
        given["radii"] = from_text(tuple[float, ...], arguments.radius, "radius")
    given |= fields_given(arguments, CalibrationSpec, CALIBRATE_OPTIONS)
    return CalibrationSpec(**given)


def _lgi_map(arguments: argparse.Namespace) -> int:
    from sadam.lab.lgi_map import run_map
    from sadam.lab.lgi_report import MAP_FORMATS, map_bundle

    spec = map_from(arguments)
    return deliver(arguments, lambda: map_bundle(run_map(spec)), MAP_FORMATS)


def _calibrate(arguments: argparse.Namespace) -> int:
    from sadam.lab.calibration import run_calibration
    from sadam.lab.lgi_report import calibration_bundle

    spec = calibration_from(arguments)

    def progress(done: int, total: int) -> None:
        show_line(f"{done} of {total} ...")

    return deliver(arguments, lambda: calibration_bundle(run_calibration(spec, progress)))
