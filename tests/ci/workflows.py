"""GitHub workflows as data, and a job's `run:` steps as a runner would run them, in order.

What a runner does besides: expressions in `env:`, `if:` and `with:`; $GITHUB_PATH, $GITHUB_OUTPUT,
$GITHUB_STEP_SUMMARY; artifacts, in a folder. Other actions are left out: the machine has what they give.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash") or "bash"
FOLDER = ROOT / ".github" / "workflows"
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)

Workflow = dict[str, Any]


def load(name: str) -> Workflow:
    """A workflow by its file's name. YAML 1.2, in which `on` is a word."""
    document: Workflow = YAML(typ="safe", pure=True).load(FOLDER / name)
    return document


def steps_of(workflow: Workflow) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step with the id of its job."""
    for name, job in workflow["jobs"].items():
        for step in job["steps"]:
            yield name, step


def expressions(node: Any, key: str = "") -> Iterator[str]:
    """Every expression in a part of a workflow; an `if:` is one as a whole."""
    match node:
        case dict():
            for name, part in node.items():
                yield from expressions(part, name)
        case list():
            for part in node:
                yield from expressions(part, key)
        case str():
            found = EXPRESSION.findall(node)
            yield from (text.strip() for text in found or ([node] if key == "if" else []))


_TOKEN = re.compile(r"'(?:[^']|'')*'|==|!=|&&|\|\||[!(),]|[\w.*-]+")
_OPERATORS = {"&&": " and ", "||": " or ", "!": " not "}


def evaluate(expression: str, context: Mapping[str, Any]) -> Any:
    """The part of GitHub's expressions that the workflows use.

    `context` holds values by their dotted name; one that is not there is empty.
    """
    names = {"true": True, "false": False}

    def word(token: str) -> str:
        if token in _OPERATORS:
            return _OPERATORS[token]
        if token in {"==", "!=", "(", ")", ","}:
            return token
        if token.startswith("'"):
            return repr(token[1:-1].replace("''", "'"))
        if token in {"contains", "cancelled"}:
            return token
        return f"value({token!r})"

    def value(name: str) -> Any:
        return names.get(name, context.get(name, ""))

    functions = {"contains": lambda items, item: item in items, "cancelled": lambda: False, "value": value}
    python = "".join(map(word, _TOKEN.findall(expression))).strip()
    return eval(python, {"__builtins__": {}}, functions)  # noqa: S307 - the workflow's own text


def filled(text: Any, context: Mapping[str, Any]) -> str:
    """A value with its expressions replaced."""

    def put(match: re.Match[str]) -> str:
        found = evaluate(match[1], context)
        return (
            {True: "true", False: "false"}.get(found, str(found)) if isinstance(found, bool) else str(found)
        )

    return EXPRESSION.sub(put, str(text))


@dataclass
class LocalRunner:
    """Runs jobs in a clone. `environment` is set last, so that a test can make the load small.

    Each job has a folder of its own under `root`; artifacts are in `root`/artifacts.
    """

    clone: Path
    root: Path
    context: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)
    temp: Path = field(init=False)

    def run(self, workflow: Workflow, job_id: str) -> str:
        """The job's result: success, failure or skipped."""
        job = workflow["jobs"][job_id]
        context = {**self.context}
        self.temp = self.root / job_id
        self.temp.mkdir(parents=True)
        if not self._wanted(job.get("if"), context, failed=False):
            return "skipped"
        for name in ("path", "summary", "output"):
            (self.temp / name).write_text("", encoding="utf-8")
        failed = False
        groups: list[int] = []
        try:
            for step in job["steps"]:
                if self._wanted(step.get("if"), context, failed=failed):
                    failed |= not self._step(step, (workflow, job), context, groups)
        finally:
            for group in groups:  # a runner ends what its steps have left
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
        return "failure" if failed else "success"

    def summary(self) -> str:
        return (self.temp / "summary").read_text(encoding="utf-8")

    def _wanted(self, condition: Any, context: Mapping[str, Any], *, failed: bool) -> bool:
        if condition is None:
            return not failed
        text = str(condition).strip().removeprefix("${{").removesuffix("}}")
        return bool(evaluate(text, context)) and (not failed or "cancelled()" in text)

    def _step(
        self,
        step: dict[str, Any],
        scopes: Sequence[dict[str, Any]],
        context: dict[str, Any],
        groups: list[int],
    ) -> bool:
        uses = step.get("uses", "")
        if uses.startswith("actions/upload-artifact@"):
            target = self.root / "artifacts" / step["with"]["name"]
            shutil.copytree(self.clone / step["with"]["path"], target, dirs_exist_ok=True)
        elif uses.startswith("actions/download-artifact@"):
            for artifact in sorted((self.root / "artifacts").glob(step["with"]["pattern"])):
                shutil.copytree(artifact, self.clone / step["with"]["path"], dirs_exist_ok=True)
        if "run" not in step:
            return True
        output = self.temp / "output"
        output.write_text("", encoding="utf-8")
        passed = self._shell(step["run"], self._environment([*scopes, step], context), groups)
        if name := step.get("id"):
            pairs = (line.partition("=") for line in output.read_text(encoding="utf-8").splitlines())
            context |= {f"steps.{name}.outputs.{key}": value for key, _, value in pairs}
        return passed

    def _environment(self, scopes: Sequence[dict[str, Any]], context: Mapping[str, Any]) -> dict[str, str]:
        paths = (self.temp / "path").read_text(encoding="utf-8").split()
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        for scope in scopes:
            variables |= {name: filled(value, context) for name, value in (scope.get("env") or {}).items()}
        return {
            **variables,
            **self.environment,
            "PATH": os.pathsep.join([*reversed(paths), self.environment.get("PATH", os.environ["PATH"])]),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_PATH": str(self.temp / "path"),
            "GITHUB_OUTPUT": str(self.temp / "output"),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary"),
        }

    def _shell(self, script: str, environment: dict[str, str], groups: list[int]) -> bool:
        """As `shell: bash` has it."""
        path = self.temp / "step.sh"
        path.write_text(script, encoding="utf-8")
        process = subprocess.Popen(
            [BASH, "--noprofile", "--norc", "-eo", "pipefail", str(path)],
            cwd=self.clone,
            env=environment,
            start_new_session=True,
        )
        groups.append(process.pid)
        return process.wait() == 0
