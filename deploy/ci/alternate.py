"""Run the microbenchmarks of two trees in turns on this machine, so that what differs is the trees and not
the hour.

    python deploy/ci/alternate.py --base ../base --out benchmarks/results

The order is base, head, head, base, and so on: a machine that slows down slows both. Both trees are
measured with the head's benchmarks/micro; from the base comes the code under them. Each tree has its
own .venv. (`harness regression --base-tree` does the same with a service under load.)

The sessions of each side are listed in OUT/micro-base.txt and OUT/micro-head.txt, one path a line. The
standard library alone.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path


class FailedError(Exception):
    """A session that could not be made."""


def order(rounds: int) -> Iterator[tuple[int, str]]:
    """Round and side, each round turned around.

    >>> [side for _, side in order(3)]
    ['base', 'head', 'head', 'base', 'base', 'head']
    """
    for number in range(rounds):
        sides = ("base", "head")
        yield from ((number, side) for side in (sides if number % 2 == 0 else sides[::-1]))


def measure(trees: dict[str, Path], side: str, number: int, out: Path) -> Path:
    """One session of the microbenchmarks; the JSON that it wrote.

    Of the base some may fail: they ask for what the head brings. Raises FailedError where none ran.
    """
    path = out / f"micro-{side}-{number + 1}.json"
    path.unlink(missing_ok=True)
    program = str(trees[side] / ".venv" / "bin" / "pytest")
    line = [program, "-q", "benchmarks/micro", f"--benchmark-json={path}"]
    code = subprocess.run(line, cwd=trees[side], check=False).returncode
    if not path.is_file() or not path.stat().st_size or (code and side == "head"):
        raise FailedError(f"the microbenchmarks of {side} ended with exit code {code}")
    return path


def _with_the_heads_benchmarks(trees: dict[str, Path]) -> None:
    target = trees["base"] / "benchmarks" / "micro"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(
        trees["head"] / "benchmarks" / "micro", target, ignore=shutil.ignore_patterns("__pycache__")
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True, metavar="DIR")
    parser.add_argument("--head", type=Path, default=Path(), metavar="DIR", help="default: here")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where results go")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Exit code 0; 1 where a session could not be made."""
    options = _parser().parse_args(arguments)
    trees = {side: getattr(options, side).resolve() for side in ("base", "head")}
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    _with_the_heads_benchmarks(trees)
    measured: dict[str, list[Path]] = {"base": [], "head": []}
    try:
        for number, side in order(options.rounds):
            print(f"alternate: round {number + 1} of {options.rounds}, {side}", flush=True)
            measured[side].append(measure(trees, side, number, out))
    except FailedError as error:
        print(f"alternate: {error}", file=sys.stderr)
        return 1
    for side, paths in measured.items():
        text = "".join(f"{path}\n" for path in paths)
        (out / f"micro-{side}.txt").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
