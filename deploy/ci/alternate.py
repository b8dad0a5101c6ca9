"""Measure two trees in turns on this machine, so that what differs is the trees and not the hour.

    python deploy/ci/alternate.py load  --base ../base --out benchmarks/results --scenario demo
    python deploy/ci/alternate.py micro --base ../base --out benchmarks/results

The order is base, head, head, base, and so on: a machine that slows down slows both. Both trees are
measured with the same instrument, the head's: its harness, scenario and cases (`load`), its
microbenchmarks (`micro`). From the base come the service, started with its own `harness serve`, and
the code under the microbenchmarks. Each tree has its own .venv.

The measurements of each side are listed in OUT/<command>-base.txt and OUT/<command>-head.txt, one path
a line. Of `load`, HARNESS_LEVELS and HARNESS_HOLD_S replace the scenario's levels and hold. The standard
library alone.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

READY_S = 60.0
STOP_S = 15.0
_FIRST_SEED = 1000

#: A measurement to compare, even where a criterion was not met: that gate is another job's.
_USABLE = (0, 1)
_INVALID = 4


class FailedError(Exception):
    """A measurement that could not be made; `code` is the exit code that says why."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def order(rounds: int) -> Iterator[tuple[int, str]]:
    """Round and side, each round turned around.

    >>> [side for _, side in order(3)]
    ['base', 'head', 'head', 'base', 'base', 'head']
    """
    for number in range(rounds):
        sides = ("base", "head")
        yield from ((number, side) for side in (sides if number % 2 == 0 else sides[::-1]))


def start_order(config: dict[str, Any], names: Sequence[str]) -> list[str]:
    """Services and those that they come after, in the order of starting.

    >>> start_order({"services": {"a": {"after": ["b"]}, "b": {}}}, ["a"])
    ['b', 'a']
    """
    found: list[str] = []
    for name in names:
        for needed in start_order(config, config["services"][name].get("after", [])):
            if needed not in found:
                found.append(needed)
        if name not in found:
            found.append(name)
    return found


@contextlib.contextmanager
def services(tree: Path, scenario: str, logs: Path) -> Iterator[None]:
    """The scenario's services, from this tree, on their own ports, until the end of the block."""
    config = tomllib.loads((tree / "harness.toml").read_text(encoding="utf-8"))
    logs.mkdir(parents=True, exist_ok=True)
    started: list[subprocess.Popen[bytes]] = []
    try:
        for name in start_order(config, config["scenarios"][scenario].get("services", [])):
            service = config["services"][name]
            with (logs / f"{tree.name}-{name}.log").open("ab") as log:
                started.append(
                    subprocess.Popen(
                        [tree / ".venv" / "bin" / "harness", "serve", name],
                        cwd=tree,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )
            _await(service["ready_url"].replace("{port}", str(service.get("port"))), started[-1], name)
        yield
    finally:
        for process in reversed(started):
            _stop(process)


def _await(url: str, process: subprocess.Popen[bytes], name: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline_s = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < deadline_s:
        with contextlib.suppress(OSError), opener.open(url, timeout=2):
            return
        time.sleep(0.1)
    raise FailedError(f"{name} is not ready at {url}: see its log beside the results", code=5)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the whole session to end, then end what is left of it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def load_once(trees: dict[str, Path], side: str, seed: int, options: argparse.Namespace) -> Path:
    """One run of the scenario against a side's service; the run's folder.

    A run that the machine made invalid is repeated once. Raises FailedError.
    """
    path_file = options.out / "run-path.txt"
    environment = {**os.environ, "HARNESS_RUN_PATH_FILE": str(path_file), **_repository(trees[side])}
    line = [str(trees["head"] / ".venv" / "bin" / "harness"), "run", options.scenario]
    line += ["--runs-dir", str(options.out), "--seed", str(seed), "--", *_load_options(os.environ)]
    for _ in range(2):
        with services(trees[side], options.scenario, options.out / "service-logs"):
            code = subprocess.run(line, cwd=trees["head"], env=environment, check=False).returncode
        if code != _INVALID:
            break
        print(f"alternate: the run against {side} is invalid, see above", flush=True)
    if code not in _USABLE:
        raise FailedError(f"the run against {side} ended with exit code {code}", code)
    return Path(path_file.read_text(encoding="utf-8").split("\n", maxsplit=1)[0])


def _repository(tree: Path) -> dict[str, str]:
    """Makes the run's record name the commit of the service, which need not be the load generator's."""
    git = shutil.which("git") or "git"
    line = [git, "rev-parse", "--absolute-git-dir"]
    done = subprocess.run(line, cwd=tree, capture_output=True, text=True, check=False)
    return {} if done.returncode else {"GIT_DIR": done.stdout.strip(), "GIT_WORK_TREE": str(tree)}


def _load_options(environment: "os._Environ[str]") -> list[str]:
    """Options of the shape from its variables, which the scenario's own options would win over."""
    pairs = {"--levels": "HARNESS_LEVELS", "--hold-s": "HARNESS_HOLD_S"}
    return [
        word
        for option, name in pairs.items()
        if environment.get(name)
        for word in (option, environment[name])
    ]


def micro_once(trees: dict[str, Path], side: str, number: int, options: argparse.Namespace) -> Path:
    """One session of the microbenchmarks; the JSON that it wrote.

    Of the base some may fail: they ask for what the head brings. Raises FailedError where none ran.
    """
    path: Path = options.out / f"micro-{side}-{number + 1}.json"
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
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    load = commands.add_parser("load", help="runs of a scenario")
    load.add_argument("--scenario", required=True)
    micro = commands.add_parser("micro", help="sessions of benchmarks/micro")
    for command in (load, micro):
        command.add_argument("--base", type=Path, required=True, metavar="DIR")
        command.add_argument("--head", type=Path, default=Path(), metavar="DIR", help="default: here")
        command.add_argument("--out", type=Path, required=True, metavar="DIR", help="where results go")
        command.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Exit code 0, or that of the measurement that could not be made."""
    options = _parser().parse_args(arguments)
    trees = {side: getattr(options, side).resolve() for side in ("base", "head")}
    options.out = options.out.resolve()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.command == "micro":
        _with_the_heads_benchmarks(trees)
    measured: dict[str, list[Path]] = {"base": [], "head": []}
    try:
        for number, side in order(options.rounds):
            print(f"alternate: round {number + 1} of {options.rounds}, {side}", flush=True)
            if options.command == "load":
                # The same cases in the same order for both sides of a round.
                measured[side].append(load_once(trees, side, _FIRST_SEED + number, options))
            else:
                measured[side].append(micro_once(trees, side, number, options))
    except FailedError as error:
        print(f"alternate: {error}", file=sys.stderr)
        return error.code
    for side, paths in measured.items():
        text = "".join(f"{path}\n" for path in paths)
        (options.out / f"{options.command}-{side}.txt").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
