"""An option of a locustfile that is named as a secret: no file of the run folder holds its value."""

from pathlib import Path

from tests.plugin.conftest import LocustRunner, Service

SECRET = "s3cr3t-0f-th1s-t3st"
KEYED = """
from locust import events, task
import harness.plugin
from harness.engine import ServiceUser

@events.init_command_line_parser.add_listener
def _add_options(parser, **_):
    parser.add_argument("--api-key", default="")
    parser.add_argument("--max-tokens", type=int, default=1)

class WorkUser(ServiceUser):
    load_options = ("api_key", "max_tokens")

    @task
    def work(self):
        assert self.environment.parsed_options.api_key, "it is used all the same"
        self.client.post("/work", json={})
"""


def test_the_value_is_nowhere_and_its_place_is_told(
    run_locust: LocustRunner, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "keyed.py").write_text(KEYED)
    ended = run_locust(
        *("-H", service.url, "-u", "2", "-r", "2", "-t", "3s", "--api-key", SECRET, "--max-tokens", "7"),
        locustfile=str(tmp_path / "keyed.py"),
    )
    assert len(ended.requests), ended.err
    command = ended.manifest["command"]
    assert command[command.index("--api-key") + 1] == "***"
    assert command[command.index("--max-tokens") + 1] == "7"
    load = ended.manifest["scenario"]["load"]
    assert (load["api_key"], load["max_tokens"]) == ("***", 7)
    (folder,) = ended.runs
    kept = [path for path in Path(folder).iterdir() if SECRET.encode() in path.read_bytes()]
    assert kept == []
    assert SECRET not in ended.err
