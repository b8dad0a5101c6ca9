"""`harness init` as a command: what it writes, what it says, what it refuses."""

import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from harness.cli import main

ASK = "curl https://chat.example/v1/ask -H 'Authorization: Bearer t0psecret' --json '{\"q\": 1}'"
DOCUMENT = json.dumps(
    {
        "openapi": "3.0.3",
        "info": {"title": "Support Chat"},
        "servers": [{"url": "https://chat.example"}],
        "paths": {"/ask": {"post": {"operationId": "ask"}}},
    }
)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_writes_two_files_and_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--curl", ASK]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "Wrote chat.py and harness.toml: 1 task for https://chat.example",
        "Set before a run; no value is kept in the files:",
        "  export CHAT_TOKEN=...    # header Authorization, after `Bearer `",
        "Look at the values that chat.py sends, then: harness run chat",
    ]
    assert err == ""
    assert sorted(path.name for path in Path().iterdir()) == ["chat.py", "harness.toml"]


def test_a_name_a_folder_and_a_host_can_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--out", "new/folder", "--name", "my-chat", "--host", "http://127.0.0.1:9/"]
    assert main(["init", "--curl", ASK, *words]) == 0
    assert "cd new/folder && harness run my-chat" in capsys.readouterr().out
    assert "class MyChatUser(ServiceUser):" in Path("new/folder/my-chat.py").read_text()
    config = Path("new/folder/harness.toml").read_text()
    assert "[scenarios.my-chat]" in config
    assert 'host = "http://127.0.0.1:9"' in config


def test_the_line_may_come_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{ASK}\n"))
    assert main(["init", "--curl", "-", "--name", "chat"]) == 0
    assert "${CHAT_TOKEN}" in Path("chat.py").read_text()


def test_nothing_is_overwritten_without_force(capsys: pytest.CaptureFixture[str]) -> None:
    Path("harness.toml").write_text("mine")
    assert main(["init", "--curl", ASK, "--name", "chat"]) == 2
    assert capsys.readouterr().err == (
        "harness: harness.toml: exists already; --force replaces it, --out writes elsewhere\n"
    )
    assert (Path("harness.toml").read_text(), Path("chat.py").exists()) == ("mine", False)
    assert main(["init", "--curl", ASK, "--name", "chat", "--force"]) == 0
    assert Path("harness.toml").read_text() != "mine"


def test_a_name_that_python_needs_is_not_taken() -> None:
    document = DOCUMENT.replace("Support Chat", "JSON")
    Path("api.json").write_text(document)
    assert main(["init", "--openapi", "api.json"]) == 0
    assert Path("json_load.py").exists()


MISTAKES = [
    ("no source", [], "one of the arguments --openapi --har --curl is required"),
    ("two sources", ["--har", "x", "--curl", "curl x"], "not allowed with argument"),
    (
        "no such file",
        ["--openapi", "nowhere.json"],
        "nowhere.json: cannot be read (No such file or directory)",
    ),
    ("a folder", ["--har", "."], "cannot be read (Is a directory)"),
    ("not text", ["--har", "binary"], "binary: cannot be read (not UTF-8 text)"),
    ("an empty file", ["--openapi", "empty"], "empty: not an OpenAPI document"),
    ("the wrong kind", ["--har", "api.json"], "not a HAR file (no log.entries)"),
    ("nobody listens", ["--openapi", "http://u:hunter2@127.0.0.1:1/o.json"], "connection refused"),
    ("a broken curl line", ["--curl", "curl 'http://x"], "a quote is not closed"),
    ("a name with a dot", ["--curl", ASK, "--name", "a.b"], "a name is made of a-z, 0-9, - and _"),
    ("the name of a module", ["--curl", ASK, "--name", "locust"], "in the way of the module 'locust'"),
    ("a bare host", ["--curl", ASK, "--host", "chat.example"], "--host should start with http://"),
    (
        "a password in the host",
        ["--curl", ASK, "--host", "http://u:hunter2@h"],
        "leave user and password out",
    ),
    ("a file as folder", ["--curl", ASK, "--out", "empty"], "cannot be written"),
    ("nothing to hand on", ["--curl", ASK, "--", "-u", "1"], "nothing may follow `--` here"),
]


@pytest.mark.parametrize(("words", "says"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_one_line_and_leaves_no_file(
    capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    Path("binary").write_bytes(b"\xff\xfe\x00")
    Path("empty").write_text("")
    Path("api.json").write_text(DOCUMENT)
    before = sorted(Path().iterdir())
    assert main(["init", *words]) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert (out, len(err.splitlines())) == ("", 1)
    assert "hunter2" not in err
    assert sorted(Path().iterdir()) == before


@pytest.fixture
def documents() -> Iterator[str]:
    """A server that gives the document to whoever knows the password."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("Authorization") == "Basic YWRhOnBhc3M="
            body = DOCUMENT.replace("https://chat.example", "/api").encode() if known else b""
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_document_from_an_address(documents: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--openapi", f"http://ada:pass@{documents}/openapi.json"]) == 0
    assert f"for http://{documents}\n" in capsys.readouterr().out
    text = Path("support_chat.py").read_text()
    assert '"/api/ask"' in text
    assert "ada:pass" not in text + Path("harness.toml").read_text()


def test_an_address_that_refuses_is_one_line(documents: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--openapi", f"http://{documents}/openapi.json"]) == 2
    assert "/openapi.json: cannot be read (HTTP 401); save it and give the file\n" in capsys.readouterr().err
