"""Base and candidate measured in turns on this machine, so that what differs is the service and not the hour.

Both are measured with the same instrument: this harness, its scenario and its cases. From the base
come the services: another command for the one that is loaded, or a whole tree (a worktree of an older
commit with a .venv of its own), whose services its own `harness serve` starts.
"""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli._net import require_free_port
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.config import Config

_PORT_OF = re.compile(r"\{(?P<service>[A-Za-z0-9_-]+)\.port\}")


@dataclass(slots=True, frozen=True)
class Place:
    """Where a side's service listens, and what the environment of a run against it has to say of it."""

    host: str
    environment: Mapping[str, str] = field(default_factory=dict)


#: Starts a side's services for one run, and stops them at the end of the block.
Start = Callable[[], AbstractContextManager[Place]]


def order(rounds: int, first: int = 0) -> Iterator[tuple[int, str]]:
    """Round and side, each round turned around: a machine that slows down slows both.

    >>> [side for _, side in order(3)]
    ['base', 'candidate', 'candidate', 'base', 'base', 'candidate']
    >>> list(order(1, first=3))
    [(3, 'candidate'), (3, 'base')]
    """
    for number in range(first, first + rounds):
        sides = ("base", "candidate")
        yield from ((number, side) for side in (sides if number % 2 == 0 else sides[::-1]))


def base_of_command(config: "Config", scenario: str, command: Sequence[str], runs_dir: Path) -> Start:
    """The scenario's services with another command for the one that is loaded, on free ports.

    `command` may hold `{port}` and `{NAME.port}` as in harness.toml. Raises UserError.
    """
    from harness.cli._services import running

    name = _loaded(config, scenario)
    for other in _PORT_OF.findall(" ".join(command)):
        if other not in config.services or config.services[other].port is None:
            raise UserError(f"the base's command names {{{other}.port}}, and no service '{other}' has one")
    service = config.services[name].model_copy(update={"command": tuple(command)})
    replaced = config.model_copy(update={"services": {**config.services, name: service}})

    @contextmanager
    def start() -> Iterator[Place]:
        with running(replaced, config.scenario(scenario).services, runs_dir) as ports:
            yield _place(config, scenario, ports)

    return start


def base_of_tree(config: "Config", scenario: str, tree: Path, runs_dir: Path) -> Start:
    """The scenario's services from another tree, on the ports of its own harness.toml.

    The tree's file is read as TOML alone: an older harness may know other keys. Raises UserError.
    """
    from harness.cli._services import Launch, launched

    program, file = tree / ".venv" / "bin" / "harness", tree / "harness.toml"
    for needed in (file, program):
        if not needed.is_file():
            raise UserError(f"--base-tree {tree}: no {needed.relative_to(tree)} in it")
    try:
        services = tomllib.loads(file.read_text(encoding="utf-8")).get("services", {})
        names = start_order(services, config.scenario(scenario).services)
        ports = {name: int(services[name]["port"]) for name in names if "port" in services[name]}
        urls = {name: _filled(services[name]["ready_url"], name, services) for name in names}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file}: cannot be read for its services ({error})") from error
    # What the caller's environment says of this tree's configuration is not meant for the other's.
    own = {"HARNESS_CONFIG": str(file.resolve()), "HARNESS_PORTS": ""}
    launches = [
        Launch(name, [str(program.absolute()), "serve", name], own, urls[name], tree) for name in names
    ]

    @contextmanager
    def start() -> Iterator[Place]:
        for port in ports.values():
            require_free_port(port, f"the base in {tree} listens there: stop what holds it")
        with launched(launches, runs_dir):
            place = _place(config, scenario, ports)
            yield Place(place.host, {**place.environment, **_repository(tree)})

    return start


def start_order(services: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Services and those that they come after, in the order of starting. KeyError for an unknown one.

    >>> start_order({"a": {"after": ["b"]}, "b": {}}, ["a"])
    ['b', 'a']
    """
    found: list[str] = []
    for name in names:
        found += [
            each for each in start_order(services, services[name].get("after", [])) if each not in found
        ]
        if name not in found:
            found.append(name)
    return found


def _filled(url: str, name: str, services: Mapping[str, Any]) -> str:
    own = url.replace("{port}", str(services[name].get("port")))
    return _PORT_OF.sub(lambda match: str(services[match["service"]]["port"]), own)


def _loaded(config: "Config", scenario: str) -> str:
    """The service that the scenario puts its load on: the one whose port its host names."""
    table = config.scenario(scenario)
    if not table.services:
        raise UserError(f"scenario '{scenario}' names no services, so that no base can be started in turns")
    named = _PORT_OF.search(table.host or "")
    return named["service"] if named else table.services[-1]


def _place(config: "Config", scenario: str, ports: Mapping[str, int]) -> Place:
    from harness.config import METRICS_VARIABLE

    host = config.scenario(scenario).host
    if not host:
        raise UserError(f"scenario '{scenario}' has no host to load")
    filled = config.expand(host, ports=ports).rstrip("/")
    urls = config.metrics_urls(filled, ports)
    return Place(filled, {METRICS_VARIABLE: " ".join(f"{name}={url}" for name, url in urls.items())})


def _repository(tree: Path) -> dict[str, str]:
    """Makes the run's record name the commit of the service, which need not be the load generator's."""
    line = [shutil.which("git") or "git", "rev-parse", "--absolute-git-dir"]
    done = subprocess.run(line, cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode:
        return {}
    return {"GIT_DIR": done.stdout.strip(), "GIT_WORK_TREE": str(tree.resolve())}
