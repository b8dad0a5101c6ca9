"""`harness run --master` and `harness worker` as on two machines, joined by loopback.

Oracle: the service's own count, and one worker record per worker in the manifest.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from harness.runs import open_run
from tests.plugin.conftest import SUPPORT, Service, service
from tests.support.processes import ROOT, free_port

__all__ = ["service"]

HARNESS = [sys.executable, "-c", "import sys; from harness.cli import main; sys.exit(main())"]


def _project(folder: Path, host: str) -> None:
    (folder / "work_user.py").write_text((SUPPORT / "work_user.py").read_text())
    (folder / "harness.toml").write_text(
        f'runs_dir = "runs"\n[scenarios.work]\nlocustfiles = ["work_user.py"]\nhost = "{host}"\n'
        'user_classes = ["WorkUser"]\nwarm_up_s = 0.5\nsettle_s = 0.2\n'
        '[scenarios.work.load]\nusers = 4\nspawn_rate = 4\nrun_time = "5s"\n'
    )


def test_two_workers_from_elsewhere(service: Service, tmp_path: Path) -> None:
    port = str(free_port())
    folders = [tmp_path / name for name in ("master", "one", "two")]
    for folder in folders:
        folder.mkdir()
        _project(folder, service.url)
    commands = [
        ["run", "work", "--master", "--expect-workers", "2", "--master-port", port],
        *[["worker", "work", "--master-host", "127.0.0.1", "--master-port", port]] * 2,
    ]
    processes = [
        subprocess.Popen(
            [*HARNESS, *command],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for folder, command in zip(folders, commands, strict=True)
    ]
    outputs = [process.communicate(timeout=90)[0] for process in processes]

    (run,) = (folders[0] / "runs").iterdir()
    manifest = json.loads((run / "manifest.json").read_text())
    summary = json.loads((run / "summary.json").read_text())
    assert [process.returncode for process in processes] == [summary["verdicts"]["exit_code"], 0, 0], outputs
    assert [worker["finished"] for worker in manifest["workers"]] == [True, True]
    assert len(open_run(run).requests()) == service.answered > 20
    assert not any((folder / "runs").exists() for folder in folders[1:])
