"""The command line itself: help, mistakes, exit codes."""

import subprocess
import sys
from typing import Any

import pytest

MISTAKES = [
    ("no command", (), "the following arguments are required: COMMAND"),
    ("unknown command", ("rnu",), "invalid choice: 'rnu'"),
    ("unknown option", ("report", "x", "--uot", "y"), "unrecognized arguments: --uot y"),
    ("unknown scenario", ("run", "smokey"), "no scenario 'smokey' in harness.toml; did you mean 'smoke'?"),
    ("unknown service", ("serve", "ap"), "no service 'ap' in harness.toml; did you mean 'app'?"),
    ("no file of that name", ("run", "smoke", "--config-file", "x.toml"), "x.toml: cannot be read"),
    ("word for a number", ("run", "smoke", "--workers", "two"), "'two' is not a whole number from 0"),
    ("port out of range", ("serve", "app", "--port", "70000"), "'70000' is not a port from 1 to 65535"),
    ("bare host", ("run", "smoke", "--host", "localhost"), "--host localhost: should start with http://"),
    ("nothing to hand on", ("report", "x", "--", "-u", "1"), "nothing may follow `--` here, got '-u'"),
    ("no services", ("run", "broken", "--with-services"), "names no services"),
    ("demo without its scenario", ("demo",), "no scenario 'demo' in harness.toml"),
]


@pytest.mark.parametrize(("words", "says"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_one_line_and_exit_code_2(project: Any, words: tuple[str, ...], says: str) -> None:
    ended = project.run(*words)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert ended.stderr.startswith("harness: ")
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stdout == ""


@pytest.mark.parametrize("words", [(), ("run",), ("report",), ("serve",), ("demo",), ("init",), ("worker",)])
def test_every_help_has_examples(project: Any, words: tuple[str, ...]) -> None:
    ended = project.run(*words, "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"usage: {' '.join(['harness', *words])}" in ended.stdout
    assert "examples:" in ended.stdout


def test_version(project: Any) -> None:
    from harness import __version__

    assert project.run("--version").stdout == f"harness {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from harness.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'pandas', 'numpy', 'pyarrow', 'locust', 'gevent', 'rich', 'plotly'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "heavy: []"


def test_a_reader_that_leaves_early_causes_no_noise(project: Any) -> None:
    """As `harness run smoke --dry-run | true` does: the pipe is closed before the line is written."""
    with project.start("run", "smoke", "--dry-run") as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
