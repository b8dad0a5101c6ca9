"""From a scenario of harness.toml to the ordinary `locust` command line that runs it."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ConfigError

if TYPE_CHECKING:
    from harness.config import Config, ScenarioConfig


#: Where a master listens for workers of other machines.
MASTER_PORT = 5557

#: How long it waits for them.
WORKERS_WAIT_S = 300


@dataclass(slots=True, frozen=True)
class RunRequest:
    """What was asked for on the command line; None leaves the scenario's own value in force."""

    scenario: str
    host: str | None = None
    workers: int | None = None
    seed: int | None = None
    runs_dir: str | None = None
    config_file: str | None = None
    master_port: int | None = None
    with_services: bool = False
    remote_workers: bool = False
    extra: tuple[str, ...] = ()


def locust_arguments(
    config: "Config",
    request: RunRequest,
    host: str,
    master_port: int,
    ports: Mapping[str, int] | None = None,
) -> list[str]:
    """The arguments of the `locust` line, without the program itself.

    What judges the run is read from harness.toml by the plugin, under the scenario's name. User
    classes come first, because the list of `--tags` would swallow them. Of an option given twice
    the last one holds, so that `extra` wins over the scenario's load. `ports` are those of services on
    free ones.
    """
    scenario = config.scenario(request.scenario)
    workers = scenario.workers if request.workers is None else request.workers
    line = ["-f", ",".join(str(path) for path in scenario_files(config, scenario)), *scenario.user_classes]
    if scenario.tags:
        line += ["--tags", *scenario.tags]
    line += ["--headless"]
    if request.remote_workers:
        line += ["--master", "--master-bind-port", str(master_port)]
        line += ["--expect-workers", str(max(workers, 1)), "--expect-workers-max-wait", str(WORKERS_WAIT_S)]
    elif workers:
        # Forked workers look for their master at --master-port, whatever port the master binds.
        port = str(master_port)
        line += ["--processes", str(workers), "--master-bind-port", port, "--master-port", port]
    # The plugin prints the progress and the verdicts; Locust's tables and notes would bury them.
    line += ["--quiet-locust", "--loglevel", "WARNING"]
    line += ["--host", host, "--scenario", request.scenario]
    options = {
        "--run-seed": request.seed,
        "--runs-dir": request.runs_dir,
        "--config-file": request.config_file,
    }
    for name, value in options.items():
        if value is not None:
            line += [name, str(value)]
    load = [config.expand(word, ports=ports) for word in load_words(scenario.load)]
    return [*line, *load, *request.extra]


@dataclass(slots=True, frozen=True)
class WorkerFiles:
    """What a worker loads; the load itself comes from its master."""

    paths: tuple[Path, ...]
    user_classes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def worker_arguments(files: WorkerFiles, master: tuple[str, int], extra: Sequence[str] = ()) -> list[str]:
    """The arguments of a worker's `locust` line; `master` is a host and a port."""
    line = ["-f", ",".join(str(path) for path in files.paths), *files.user_classes]
    if files.tags:
        line += ["--tags", *files.tags]
    host, port = master
    return [*line, "--worker", "--master-host", host, "--master-port", str(port), *extra]


def load_words(load: Mapping[str, Any]) -> list[str]:
    """`hold_s = 30` as `--hold-s 30`, a list joined by commas, true as the bare option, false as none."""
    words = []
    for key, value in load.items():
        option = f"--{key.replace('_', '-')}"
        match value:
            case True:
                words.append(option)
            case False:
                pass
            case list():
                words += [option, ",".join(str(each) for each in value)]
            case _:
                words += [option, str(value)]
    return words


def scenario_files(config: "Config", scenario: "ScenarioConfig") -> list[Path]:
    """The scenario's locustfiles and its shape, as paths from here. Raises ConfigError if one is missing."""
    paths = [config.path(name) for name in scenario.locustfiles]
    if scenario.shape:
        paths.append(_shape_file(config, scenario.shape))
    for path in paths:
        if not path.is_file():
            raise ConfigError(f"no file {path}{_similar(path)}")
    return paths


def _shape_file(config: "Config", name: str) -> Path:
    """The shape beside harness.toml, else the one of that name that is installed with the harness."""
    import importlib.util

    own = config.path(name)
    spec = importlib.util.find_spec("shapes")
    bundled = [Path(place).parent / name for place in (spec and spec.submodule_search_locations) or ()]
    return next((path for path in (own, *bundled) if path.is_file()), own)


def _similar(path: Path) -> str:
    from harness.config import suggest

    files = [file.name for file in path.parent.glob("*.py") if not file.name.startswith("_")]
    return f"; in {path.parent}: {suggest(path.name, files)}" if path.parent.is_dir() else ""


def as_typed(arguments: Sequence[str]) -> str:
    """The line as a person would type it, quoted for the shell; secrets are left out."""
    from harness.config import hide_secrets

    return shlex.join(["locust", *hide_secrets(arguments)])


def as_started(arguments: Sequence[str]) -> list[str]:
    """The command that is started: this interpreter's Locust, whatever `locust` is first on the path."""
    return [sys.executable, "-m", "locust", *arguments]
