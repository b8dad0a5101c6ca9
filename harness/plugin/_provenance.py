"""Where a run comes from: machine, versions, commit, command, and the fingerprint of what it measures."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from hashlib import sha256

import psutil
from locust.env import Environment

from harness.config import hide_secrets
from harness.plugin._build import cases_of
from harness.runs import HostRecord, ScenarioRecord, TargetRecord


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
    """As typed, but for secrets: user and password in an address, and options that are named as one."""
    return ["locust", *hide_secrets(sys.argv[1:])]


def fingerprint_parts(
    environment: Environment, scenario: ScenarioRecord, target: TargetRecord
) -> dict[str, str]:
    """What two runs must share to be comparable."""
    host = host_record()
    return {
        "scenario": scenario.name,
        "cases": cases_of(environment),
        "shape": json.dumps(scenario.load, sort_keys=True),
        "models": json.dumps(target.models, sort_keys=True),
        "prompts": target.prompts_hash,
        "provider": f"{target.provider_mode} {target.profile or ''}".strip(),
        "machine": f"{host.platform}, {host.cpus} CPUs",
        "harness": importlib.metadata.version("agent-load-harness"),
    }


def fingerprint(parts: dict[str, str]) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _git(*arguments: str) -> str:
    result = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, timeout=10)  # noqa: S607
    return result.stdout.strip()
