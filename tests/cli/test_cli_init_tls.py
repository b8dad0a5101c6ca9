"""A service behind a private CA that wants client certificates; all of them made by `openssl`."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.cli._net import why_unreachable
from harness.engine import ServiceUser
from harness.engine._access import access_of
from harness.errors import TargetUnreachableError
from harness.plugin._target import ask_target
from tests.support.certificates import OPENSSL, make_certificates

ROOT = Path(__file__).parents[2]
HARNESS = str(Path(sys.executable).with_name("harness"))

pytestmark = pytest.mark.skipif(not OPENSSL, reason="needs the openssl command")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem, and NAME.pem with NAME.key signed by it for the service and for a client."""
    return make_certificates(
        tmp_path_factory.mktemp("pki"), {"service": "IP:127.0.0.1", "client": "DNS:client"}
    )


@pytest.fixture(scope="module")
def service(pki: Path) -> Iterator[str]:
    from harness.cli._net import free_port

    port = free_port()
    command = [sys.executable, str(ROOT / "tests" / "support" / "chat_service.py"), "--port", str(port)]
    files = ["--cert", "service.pem", "--key", "service.key", "--client-ca", "ca.pem"]
    process = subprocess.Popen([*command, "--token", "zq-token-zq", *files], cwd=pki)
    deadline = time.monotonic() + 30
    while why_unreachable(f"http://127.0.0.1:{port}/", 1) == "connection refused":
        assert process.poll() is None, "the service died"
        assert time.monotonic() < deadline, "the service did not come up"
        time.sleep(0.1)
    yield f"https://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


MakeUser = Callable[..., type[ServiceUser]]


@pytest.fixture
def user(pki: Path) -> MakeUser:
    def make(**files: str) -> type[ServiceUser]:
        attributes = {name: str(pki / file) for name, file in files.items()}
        return type("ChatUser", (ServiceUser,), {"abstract": True, **attributes})

    return make


CLIENT = {"client_cert": "client.pem", "client_key": "client.key"}


def test_with_the_right_files_the_service_answers(service: str, user: MakeUser) -> None:
    assert ask_target(service, access_of(user(ca_file="ca.pem", **CLIENT))).url == service


@pytest.mark.parametrize(
    ("files", "says"),
    [
        pytest.param(
            CLIENT, "certificate verify failed: self-signed certificate in certificate chain", id="no CA"
        ),
        pytest.param(
            {"ca_file": "ca.pem"}, "certificate required|does not answer", id="no client certificate"
        ),
    ],
)
def test_without_them_it_is_not_reached(
    service: str, user: MakeUser, files: dict[str, str], says: str
) -> None:
    with pytest.raises(TargetUnreachableError, match=says):
        ask_target(service, access_of(user(**files)))


def test_the_command_leaves_certificates_to_the_load(service: str) -> None:
    """`harness run` asks whether anybody is there before it starts Locust, which knows the files."""
    assert why_unreachable(f"{service}/", 5) is None


def test_a_plain_service_at_an_https_address_is_not_reached(answering: str) -> None:
    assert why_unreachable(answering.replace("http://", "https://"), 5)


def test_a_whole_run(service: str, pki: Path, tmp_path: Path) -> None:
    files = [
        "--cacert",
        str(pki / "ca.pem"),
        "--cert",
        str(pki / "client.pem"),
        "--key",
        str(pki / "client.key"),
    ]
    body = json.dumps({"session": "s", "message": "hello"})
    words = ["-H", "'Authorization: Bearer zq-token-zq'", *files, "--json", f"'{body}'"]
    line = f"curl {service}/v1/chat {' '.join(words)}"
    env = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}

    def harness(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [HARNESS, *words],
            cwd=tmp_path,
            env=env | {"CHAT_TOKEN": "zq-token-zq"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert harness("init", "--curl", line, "--name", "chat").returncode == 0
    ended = harness("run", "chat", "--", "--levels", "2", "--hold-s", "2", "--spawn-rate-per-s", "10")
    (folder,) = (tmp_path / "results").iterdir()
    totals = json.loads((folder / "summary.json").read_text())["totals"]
    assert totals["requests"] > 0, ended.stderr
    stats = (folder / "locust_failures.csv").read_text().splitlines()
    assert len(stats) == 1, "no request failed"
    assert "zq-" not in ended.stdout + ended.stderr
