"""deploy/ci/base on a real repository, and deploy/ci/alternate.py on trees whose programs are a few lines."""

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CI = Path(__file__).parents[2] / "deploy" / "ci"
_ALTERNATE = runpy.run_path(str(CI / "alternate.py"))
MAIN: Callable[[list[str]], int] = _ALTERNATE["main"]
ORDER: Callable[[int], Any] = _ALTERNATE["order"]

GIT = shutil.which("git") or "git"
LONG_AGO = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}


def git(folder: Path, *arguments: str, **env: str) -> str:
    command = [GIT, "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **env}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """main: old, fresh; branch from old: change. `make install` in it leaves a mark."""
    folder = tmp_path / "repository"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(folder))
    (folder / "harness.toml").write_text("", encoding="utf-8")
    (folder / "Makefile").write_text("install:\n\ttouch installed\n", encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "old", **LONG_AGO)
    git(folder, "branch", "change")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "fresh")
    git(folder, "switch", "--quiet", "change")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "change")
    return folder


def base(repository: Path, base_ref: str = "") -> tuple[str, Path]:
    """The commit that was written as output, and the worktree."""
    output, folder = repository.parent / "output", repository.parent / "base"
    env = {**os.environ, "GITHUB_OUTPUT": str(output), "BASE_REF": base_ref, "BASE_TARGET": "install"}
    subprocess.run([CI / "base", folder], cwd=repository, env=env, check=True, capture_output=True)
    return output.read_text(encoding="utf-8").strip().removeprefix("commit="), folder


def test_the_base_of_a_pull_request_is_the_merge_base(repository: Path) -> None:
    commit, folder = base(repository, "main")
    assert commit == git(repository, "rev-parse", "main~1") == git(folder, "rev-parse", "HEAD")
    assert (folder / "installed").exists()


def test_the_base_of_a_nightly_run_is_a_day_old(repository: Path) -> None:
    git(repository, "switch", "--quiet", "main")
    commit, _ = base(repository)
    assert commit == git(repository, "rev-parse", "main~1")


@pytest.mark.parametrize(
    "case", ["no commit is newer", "no commit is old enough", "the base has no configuration"]
)
def test_nothing_to_compare_with_is_no_failure(repository: Path, case: str) -> None:
    if case == "no commit is newer":
        git(repository, "switch", "--quiet", "--detach", "main~1")
    elif case == "no commit is old enough":
        git(repository, "switch", "--quiet", "--orphan", "young")
        git(repository, "commit", "--quiet", "--allow-empty", "--message", "first")
    else:
        git(repository, "switch", "--quiet", "--orphan", "bare")
        git(repository, "commit", "--quiet", "--allow-empty", "--message", "bare", **LONG_AGO)
        git(repository, "commit", "--quiet", "--allow-empty", "--message", "then")
    commit, folder = base(repository)
    assert commit == ""
    assert not folder.exists()


PYTEST = """#!{python}
import json, pathlib, sys
tree = pathlib.Path(__file__).parents[2]
path = next(word.partition("=")[2] for word in sys.argv if word.startswith("--benchmark-json="))
pathlib.Path(path).write_text(json.dumps([tree.name, (tree / "benchmarks/micro/test_it.py").read_text()]))
sys.exit({code} if tree.name == "base" else 0)
"""


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    for name in ("base", "head"):
        program = tmp_path / name / ".venv" / "bin" / "pytest"
        program.parent.mkdir(parents=True)
        program.write_text(PYTEST.format(python=sys.executable, code=1), encoding="utf-8")
        program.chmod(0o755)
        micro = tmp_path / name / "benchmarks" / "micro"
        micro.mkdir(parents=True)
        (micro / "test_it.py").write_text(name, encoding="utf-8")
    return tmp_path


def alternate(trees: Path, *arguments: str) -> int:
    places = ["--base", str(trees / "base"), "--head", str(trees / "head"), "--out", str(trees / "out")]
    return MAIN([*arguments, *places])


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_rounds_turn_around() -> None:
    assert list(ORDER(3)) == [(0, "base"), (0, "head"), (1, "head"), (1, "base"), (2, "base"), (2, "head")]


def test_micro_gives_both_the_heads_benchmarks_and_lets_some_fail_in_the_base(trees: Path) -> None:
    assert alternate(trees, "--rounds", "1") == 0
    [of_base], [of_head] = (lines(trees / "out" / f"micro-{side}.txt") for side in ("base", "head"))
    assert Path(of_base).read_text() == '["base", "head"]'
    assert Path(of_head).read_text() == '["head", "head"]'


def test_a_head_whose_benchmarks_fail_ends_it(trees: Path) -> None:
    program = trees / "head" / ".venv" / "bin" / "pytest"
    program.write_text(PYTEST.format(python=sys.executable, code=1).replace('"base" else 0', '"head" else 0'))
    assert alternate(trees, "--rounds", "1") == 1
    assert not (trees / "out" / "micro-base.txt").exists()


def test_scripts_need_nothing_but_the_standard_library() -> None:
    for script in ("alternate.py", "github.py"):
        code = f"import runpy; runpy.run_path({str(CI / script)!r})"
        subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
