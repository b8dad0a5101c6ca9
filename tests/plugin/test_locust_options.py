"""Locust's own ways to say what to run work as its documentation says, with the plugin in place."""

import json
from pathlib import Path

from tests.plugin.conftest import SUPPORT, LocustRunner, Service

WORK = str(SUPPORT / "work_user.py")
TAGGED = """
from locust import tag, task
import harness.plugin
from harness.engine import ServiceUser

class TaggedUser(ServiceUser):
    wait_time = lambda self: 0.05

    @tag("short")
    @task
    def short(self):
        self.client.post("/work", json={}, name="short")

    @tag("long")
    @task
    def long(self):
        self.client.post("/work", json={}, name="long")
"""


def test_a_configuration_file_and_the_environment(
    run_locust: LocustRunner, service: Service, tmp_path: Path
) -> None:
    """The environment wins over the file, the command line over both."""
    (tmp_path / "load.conf").write_text(f"host = {service.url}\nusers = 3\nspawn-rate = 3\nrun-time = 60s\n")
    ended = run_locust(
        *("--config", str(tmp_path / "load.conf"), "WorkUser"),
        env={"LOCUST_RUN_TIME": "4s", "HARNESS_SCENARIO": "work_user", "HARNESS_RUN_SEED": "7"},
    )
    manifest = json.loads((ended.run / "manifest.json").read_text())
    assert [p["users"] for p in manifest["phases"] if p["kind"] == "hold"] == [3]
    assert manifest["seed"] == 7
    assert manifest["stop_reason"] == "the run time was reached"
    assert len(ended.requests) == service.answered > 10


def test_tags(run_locust: LocustRunner, service: Service, tmp_path: Path) -> None:
    (tmp_path / "tagged.py").write_text(TAGGED)
    ended = run_locust(
        *("-H", service.url, "-u", "2", "-r", "2", "-t", "3s", "--processes", "1", "--tags", "short"),
        locustfile=str(tmp_path / "tagged.py"),
    )
    assert set(ended.requests["name"]) == {"short"}
    assert len(ended.requests) == service.answered > 5


def test_a_configuration_file_in_the_folder_and_users_from_the_environment(
    run_locust: LocustRunner, service: Service, tmp_path: Path
) -> None:
    """`locust.conf` is read without being named; the harness's options can be in it as well."""
    (tmp_path / "locust.conf").write_text(
        f"host = {service.url}\nusers = 2\nrun-time = 3s\nskip-target-check = true\nrun-seed = 5\n"
    )
    ended = run_locust(env={"LOCUST_USER_CLASSES": "FailingUser", "HARNESS_RUN_SEED": "6"})
    assert set(ended.requests["user_class"]) == {"FailingUser"}
    assert ended.manifest["seed"] == 6
    assert len(ended.requests) == service.answered > 5


def test_tags_that_are_left_out(run_locust: LocustRunner, service: Service, tmp_path: Path) -> None:
    (tmp_path / "tagged.py").write_text(TAGGED)
    ended = run_locust(
        *("-H", service.url, "-u", "2", "-r", "2", "-t", "3s", "--exclude-tags", "short"),
        locustfile=str(tmp_path / "tagged.py"),
    )
    assert set(ended.requests["name"]) == {"long"}
    assert len(ended.requests) == service.answered > 5
