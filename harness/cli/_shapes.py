"""`harness shapes`: the shapes of load that come with the harness, and pictures of their plans."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli._options import refuse_extra, show
from harness.errors import ExitCode, UserError
from harness.schedule import ARRIVALS_PER_S, SHAPES, ShapeSpec

if TYPE_CHECKING:
    from harness.schedule import Steps

_EPILOG = """\
A shape says how load changes over time. Give it to Locust beside a locustfile, or name it as `shape`
of a scenario in harness.toml; its options are Locust's, the web form's and the scenario's `load`.

examples:
  harness shapes list
  harness shapes show stress_ramp
  harness shapes show spike --spike-peak 200 --svg spike.svg
  harness shapes show wave --help               the options of a shape
  locust -f locustfiles/cases.py,shapes/spike.py --headless --spike-peak 200
"""

_SHOW_EPILOG = """\
examples:
  harness shapes show {name}
  harness shapes show {name} --svg {name}.svg
  locust -f locustfiles/cases.py,shapes/{name}.py --headless
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "shapes",
        help="list the shapes of load, and draw their plans",
        description="List the shapes of load that come with the harness, and draw their plans.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list the shapes", description="List the shapes.")
    listing.add_argument("--json", action="store_true", help="print names, titles and options as JSON")
    listing.set_defaults(command=_list)
    showing = actions.add_parser(
        "show",
        help="draw the plan of a shape",
        description="Draw the plan that a shape's options give.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = showing.add_subparsers(metavar="NAME", required=True)
    for spec in SHAPES.values():
        _add_shape(names, spec)


def _add_shape(names: "argparse._SubParsersAction[argparse.ArgumentParser]", spec: ShapeSpec) -> None:
    parser = names.add_parser(
        spec.name,
        help=spec.title,
        description=f"{spec.title[0].upper()}{spec.title[1:]}.",
        epilog=_SHOW_EPILOG.format(name=spec.name),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--svg", metavar="FILE", help="write the picture to this file; - for stdout")
    form.add_argument("--json", action="store_true", help="print the stages as JSON")
    for option in spec.options:
        parser.add_argument(
            option.flag,
            type=option.type,
            default=option.default,
            choices=option.choices or None,
            metavar=None if option.choices else option.type.__name__.upper(),
            help=f"{option.help} (default: {option.default})".replace("%", "%%"),
        )
    parser.set_defaults(command=_show, spec=spec)


def _list(options: argparse.Namespace) -> int:
    refuse_extra(options)
    if options.json:
        document = [
            {
                "name": spec.name,
                "title": spec.title,
                "options": [
                    {"flag": option.flag, "default": option.default, "help": option.help}
                    for option in spec.options
                ],
            }
            for spec in SHAPES.values()
        ]
        show(json.dumps(document, indent=2))
        return ExitCode.OK
    between = max(map(len, SHAPES)) + 2 if sys.stdout.isatty() else 0
    for spec in SHAPES.values():
        name = spec.name.ljust(between) if between else f"{spec.name}\t"
        show(f"{name}{spec.title}")
    return ExitCode.OK


def _show(options: argparse.Namespace) -> int:
    refuse_extra(options)
    spec: ShapeSpec = options.spec
    values = {name: getattr(options, name) for name in spec.option_names}
    try:
        plan = spec.plan(values)
    except ValueError as error:
        raise UserError(f"{spec.name}: {error}") from error
    unit = "arrivals/s" if values.get("load_unit") == ARRIVALS_PER_S else "users"
    if options.svg:
        _write_svg(options.svg, spec, plan, unit)
    elif options.json:
        document = {"shape": spec.name, "unit": unit, "duration_s": plan.duration_s, "options": values}
        show(json.dumps(document | {"stages": _stages(plan)}, indent=2))
    elif sys.stdout.isatty():
        _draw(spec, plan, unit)
    else:
        rows = _stages(plan)
        show("\t".join(rows[0]))
        for row in rows:
            show("\t".join(f"{value:g}" for value in row.values()))
    return ExitCode.OK


def _draw(spec: ShapeSpec, plan: "Steps", unit: str) -> None:
    from harness.reports import duration, plan_lines

    loads = [stage.users for stage in plan.stages]
    stages = "1 stage" if len(loads) == 1 else f"{len(loads)} stages"
    show(f"{spec.name}: {spec.title}")
    show(f"{stages}, {min(loads)} to {max(loads)} {unit}, {duration(plan.duration_s)} if no ramp is slow\n")
    for line in plan_lines(plan):
        show(line)


def _stages(plan: "Steps") -> list[dict[str, Any]]:
    """Per stage: when it begins, its load, how long its ramp and its hold are."""
    rows, before, start_s = [], 0, 0.0
    for stage, end_s in zip(plan.stages, plan.boundaries_s(), strict=True):
        ramp_s = abs(stage.users - before) / stage.spawn_rate_per_s
        rows.append({"start_s": start_s, "load": stage.users, "ramp_s": ramp_s, "hold_s": stage.hold_s})
        before, start_s = stage.users, end_s
    return rows


def _write_svg(name: str, spec: ShapeSpec, plan: "Steps", unit: str) -> None:
    from harness.reports import plan_svg

    text = plan_svg(plan, spec.name, spec.title, unit)
    if name == "-":
        show(text.rstrip("\n"))
        return
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"--svg {name}: cannot be written ({error.strerror})") from error
