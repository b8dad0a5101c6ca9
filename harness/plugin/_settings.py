"""What a run is to be: options of the command line, the scenario of harness.toml, the service.

Everything a run needs to know before it begins is settled here, and every mistake in it is found
here, before any load is sent.
"""

import contextlib
import http.client
import importlib.metadata
import json
import os
import platform
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from locust.env import Environment

from harness.config import (
    DEFAULT_SEED,
    METRICS_VARIABLE,
    Config,
    ScenarioConfig,
    hide_credentials,
    load_config,
    split_credentials,
)
from harness.engine import Access, access_to_service, check_arrival_users
from harness.errors import ConfigError, TargetUnreachableError, UserError
from harness.runs import HostRecord, ScenarioRecord, TargetRecord
from harness.verdicts import parse_rule

INFO_TIMEOUT_S = 5.0


@dataclass(slots=True, frozen=True)
class Settings:
    """Settled before a run; the same for every run of one Locust process."""

    scenario: ScenarioRecord
    runs_dir: Path
    seed: int
    drain_deadline_s: float
    check_target: bool
    quiet_locust: bool
    metrics_urls: Mapping[str, str]


def resolve_settings(environment: Environment, *, shape_is_chosen: bool = True) -> Settings:
    """Read options and harness.toml. Raises ConfigError or UserError with one line.

    The web UI's class picker stands on the first shape that was loaded until one is chosen: what cannot
    be run with that one is no mistake yet.
    """
    options: Any = environment.parsed_options
    config = load_config(options.config_file or None)
    name = options.scenario or _stem(options.locustfile)
    scenario, criteria = _scenario(config, name, explicit=bool(options.scenario))
    load_criteria = config.load_criteria_of(name) if scenario else {}
    for rule_name, text in (criteria | load_criteria).items():
        parse_rule(rule_name, text)
    if shape_is_chosen:
        _check_shape(environment)
    # A shape that counts its requests has them all measured.
    whole_holds = bool(getattr(environment.shape_class, "whole_holds", False))
    access_to_service(environment.user_classes)
    check_arrival_users(environment.user_classes)
    runs_dir = config.runs_path(options.runs_dir or None)
    _check_writable(runs_dir)
    return Settings(
        scenario=ScenarioRecord(
            name=name,
            description=scenario.description if scenario else "",
            criteria=criteria,
            load_criteria=load_criteria,
            warm_up_s=0.0 if whole_holds else scenario.warm_up_s if scenario else 5.0,
            settle_s=0.0 if whole_holds else scenario.settle_s if scenario else None,
            abort_on_critical=options.abort_on_critical or bool(scenario and scenario.abort_on_critical),
            live_window_s=scenario.live_window_s if scenario else 30.0,
            live_grace_s=scenario.live_grace_s if scenario else None,
            load=_load(environment),
            derived=scenario.derived if scenario else {},
            trace_url=config.monitoring.trace_url,
        ),
        runs_dir=runs_dir,
        seed=_seed(options.run_seed, scenario),
        drain_deadline_s=options.drain_deadline_s,
        check_target=not options.skip_target_check,
        quiet_locust=options.quiet_locust,
        metrics_urls=_metrics_urls(config, host_of(environment)),
    )


def host_of(environment: Environment) -> str:
    """The service's address: `--host`, else the first user class that names one, else empty."""
    hosts = [environment.host, *(user_class.host for user_class in environment.user_classes)]
    return next((host.rstrip("/") for host in hosts if host), "")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer too; followed, it could carry secret headers to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def ask_target(url: str, access: Access | None = None) -> TargetRecord:
    """What the service says of itself at `GET /info`; any HTTP answer at all proves it alive.

    `access` holds the headers and the TLS files that the load will use. Raises
    TargetUnreachableError when nothing answers, and UserError for TLS files that are of no use.
    """
    access = access or Access()
    address, authorization = split_credentials(url)
    headers = {**({"Authorization": authorization} if authorization else {}), **access.headers}
    # No proxy, as the load itself uses none.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), NoRedirect()]
    if address.startswith("https://"):
        handlers.append(urllib.request.HTTPSHandler(context=access.tls.context()))
    request = urllib.request.Request(f"{address}/info", headers=headers)  # noqa: S310 - http(s) alone
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=INFO_TIMEOUT_S) as response:
            document = json.loads(response.read())
    except urllib.error.HTTPError:
        return TargetRecord(url=public_url(url))
    except http.client.InvalidURL as error:
        raise UserError(f"--host {public_url(url)}: not an address ({error})") from error
    except ValueError:
        return TargetRecord(url=public_url(url))
    except OSError as error:
        reason = getattr(error, "reason", error)
        if isinstance(error, ssl.SSLError) or isinstance(reason, ssl.SSLError):
            raise TargetUnreachableError(
                f"no TLS connection to {public_url(url)} ({_tls_reason(error, reason)}); set ca_file, or "
                "client_cert and client_key, in the user class"
            ) from error
        text = getattr(reason, "strerror", None) or str(reason)
        raise TargetUnreachableError(
            f"the service at {public_url(url)} does not answer ({text}); "
            "start it, or name another with --host"
        ) from error
    except http.client.HTTPException as error:
        raise TargetUnreachableError(
            f"what listens at {public_url(url)} does not speak HTTP ({type(error).__name__}); "
            "name the service with --host"
        ) from error
    return target_record(url, document)


def _tls_reason(*errors: BaseException) -> str:
    """OpenSSL's words without its file and line."""
    for error in errors:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"certificate verify failed: {error.verify_message}"
    reasons = (getattr(error, "reason", None) for error in errors)
    words = next((reason for reason in reasons if isinstance(reason, str)), "handshake failed")
    return words.lower().replace("_", " ")


def public_url(url: str) -> str:
    """The address without a user name or password in it."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=netloc, query="", fragment="").geturl()


def host_record() -> HostRecord:
    return HostRecord(
        name=platform.node(),
        platform=f"{platform.system()} {platform.machine()}",
        cpus=os.cpu_count() or 0,
        memory_bytes=psutil.virtual_memory().total,
    )


def versions() -> dict[str, str]:
    names = ("agent-load-harness", "locust", "gevent", "httptools", "numpy", "pyarrow")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found


def build_of(environment: Environment) -> dict[str, str]:
    """What master and workers must share: the harness, the locustfiles' text, the cases they draw."""
    digest = sha256()
    for path in sorted(environment.parsed_locustfiles or [], key=lambda path: Path(path).name):
        with contextlib.suppress(OSError):
            digest.update(Path(path).read_bytes())
    return {
        "harness": importlib.metadata.version("agent-load-harness"),
        "locustfiles": digest.hexdigest()[:12],
        "cases": _cases_of(environment),
    }


def git_commit() -> str:
    """The commit of the folder Locust runs in, with `+changes` when it is not clean.

    An image holds no git, and says at its build what it was made from.
    """
    try:
        head = _git("rev-parse", "HEAD")
        return f"{head}+changes" if _git("status", "--porcelain", "--untracked-files=no") else head
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("HARNESS_GIT_COMMIT", "unknown")


def command_line() -> list[str]:
    """As typed, but for user and password in an address."""
    return ["locust", *map(hide_credentials, sys.argv[1:])]


def fingerprint_parts(
    environment: Environment, scenario: ScenarioRecord, target: TargetRecord
) -> dict[str, str]:
    """What two runs must share to be comparable."""
    host = host_record()
    return {
        "scenario": scenario.name,
        "cases": _cases_of(environment),
        "shape": json.dumps(scenario.load, sort_keys=True),
        "models": json.dumps(target.models, sort_keys=True),
        "prompts": target.prompts_hash,
        "provider": f"{target.provider_mode} {target.profile or ''}".strip(),
        "machine": f"{host.platform}, {host.cpus} CPUs",
        "harness": importlib.metadata.version("agent-load-harness"),
    }


def fingerprint(parts: dict[str, str]) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _cases_of(environment: Environment) -> str:
    corpora = {
        corpus.digest
        for user_class in environment.user_classes
        if (corpus := getattr(user_class, "corpus", None)) is not None
    }
    return ",".join(sorted(corpora)) or "none"


def _stem(locustfile: str) -> str:
    return Path(locustfile.split(",", maxsplit=1)[0].strip()).stem or "locustfile"


def _scenario(config: Config, name: str, *, explicit: bool) -> tuple[ScenarioConfig | None, dict[str, str]]:
    """A scenario that was asked for must exist; one guessed from the file's name may not."""
    if name in config.scenarios or explicit:
        return config.scenario(name), config.criteria_of(name)
    return None, {}


def _seed(option: int | None, scenario: ScenarioConfig | None) -> int:
    if option is not None:
        return option
    return scenario.seed if scenario else DEFAULT_SEED


def _metrics_urls(config: Config, host: str) -> dict[str, str]:
    """$HARNESS_METRICS_URLS, as `NAME=URL NAME=URL`, else what harness.toml tells of the service."""
    given = os.environ.get(METRICS_VARIABLE)
    if given is None:
        return config.metrics_urls(host)
    pairs = [pair.partition("=") for pair in given.split()]
    for name, _, url in pairs:
        if not name or not url.startswith(("http://", "https://")):
            raise UserError(f"{METRICS_VARIABLE}: should be NAME=http://... for each service")
    return {name: url for name, _, url in pairs}


def _check_shape(environment: Environment) -> None:
    """A shape whose options cannot be run would otherwise fail after the load has begun."""
    shape = environment.shape_class
    check = getattr(shape, "check_options", None) or getattr(shape, "schedule", None)
    if check is not None:
        try:
            check()
        except ValueError as error:
            raise ConfigError(f"{type(environment.shape_class).__name__}: {error}") from error


def _check_writable(runs_dir: Path) -> None:
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        reason = None if os.access(runs_dir, os.W_OK) else "permission denied"
    except OSError as error:
        reason = error.strerror
    if reason:
        raise UserError(f"cannot write run folders in {runs_dir} ({reason}); choose another with --runs-dir")


def _load(environment: Environment) -> dict[str, Any]:
    """What makes up the load, for the manifest and the fingerprint.

    A shape names its options in `load_options`, and so may a user class; Locust's own count where the
    shape reads them.
    """
    options = vars(environment.parsed_options) if environment.parsed_options else {}
    shape = environment.shape_class
    load: dict[str, Any] = {}
    names: list[str] = []
    if shape is None or shape.use_common_options:
        names += ["num_users", "spawn_rate", "run_time"]
    if shape is not None:
        load = {"shape_class": type(shape).__name__}
        names += getattr(shape, "load_options", ())
    for user_class in environment.user_classes:
        names += getattr(user_class, "load_options", ())
    load |= {name: options[name] for name in names if options.get(name) is not None}
    return load | {"user_classes": sorted(user_class.__name__ for user_class in environment.user_classes)}


def target_record(url: str, document: Any) -> TargetRecord:
    """From the document of `GET /info`; a provider itself has what others have under `provider` on top."""
    provider = document.get("provider", document) if isinstance(document, dict) else None
    if not isinstance(provider, dict):
        return TargetRecord(url=public_url(url))
    mode = provider.get("mode")
    models = provider.get("models")
    return TargetRecord(
        url=public_url(url),
        provider_mode=mode if mode in {"simulated", "live"} else "unknown",
        profile=str(provider["profile"]) if provider.get("profile") else None,
        models={str(k): str(v) for k, v in models.items()} if isinstance(models, dict) else {},
        prompts_hash=str(document.get("prompts_hash", "unknown")),
        version=str(document.get("version", "unknown")),
    )


def _git(*arguments: str) -> str:
    result = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, timeout=10)  # noqa: S607
    return result.stdout.strip()
