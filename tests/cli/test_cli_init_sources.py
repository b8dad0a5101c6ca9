"""From curl lines and HAR files to operations, and from any source to Python: no files, no processes."""

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli._sources import (
    SecretKeeper,
    Source,
    SourceError,
    read_curl,
    read_har,
    render_config,
    render_locustfile,
)
from harness.cli._sources._literal import literal
from harness.cli._sources._names import RESERVED, path_template, unique
from harness.config import parse_config
from harness.engine import ArrivalUser
from harness.verdicts import parse_rule
from tests.support.openapi_document import openapi

HOST = "http://chat.example"


def cleaned(source: Source) -> Source:
    return SecretKeeper("chat").cleaned(source)


# --- curl ------------------------------------------------------------------------------------------

CURLS: list[tuple[str, str, Any]] = [
    ("a bare URL", "curl chat.example/ask", ("GET", "/ask", {}, None, None)),
    ("a form", "curl chat.example -d q=1 -d 'r=a b'", ("POST", "/", {}, None, {"q": "1", "r": "a b"})),
    ("JSON", """curl chat.example/a -H 'content-type: application/json' -d '{"q": [1]}'""", None),
    ("--json", """curl --json '{"q": [1]}' chat.example/a""", None),
    ("method and flags in one word", """curl -sSLXPOST chat.example/a --data-raw '{"q": [1]}'""", None),
    ("double quotes", r"""curl chat.example/a --data-raw "{\"q\": [1]}" """, None),
    (
        "as a browser copies it",
        "curl 'http://chat.example/a' \\\n  --compressed --data-raw $'{\"q\":[1]}'",
        None,
    ),
    ("a query", "curl 'chat.example/a?x=1&y=2&y=3'", ("GET", "/a", {"x": "1", "y": ["2", "3"]}, None, None)),
    ("-G", "curl -G chat.example/a -d x=1", ("GET", "/a", {"x": "1"}, None, None)),
    ("another method", "curl -X put chat.example/a -d x", ("PUT", "/a", {}, None, "x")),
    ("-I", "curl -I chat.example/a", ("HEAD", "/a", {}, None, None)),
    ("urlencode", "curl chat.example --data-urlencode 'q=a&b'", ("POST", "/", {}, None, {"q": "a&b"})),
]


@pytest.mark.parametrize(("line", "expected"), [row[1:] for row in CURLS], ids=[row[0] for row in CURLS])
def test_curl(line: str, expected: tuple[Any, ...] | None) -> None:
    source = read_curl(line, Path())
    (operation,) = source.operations
    found = (operation.method, operation.path, operation.query, operation.json, operation.data)
    assert found == (expected or ("POST", "/a", {}, {"q": [1]}, None))
    assert source.host == HOST


def test_curl_reads_a_body_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text('{"q": 1}\n')
    (operation,) = read_curl("curl chat.example --json @body.json", tmp_path).operations
    assert operation.json == {"q": 1}


def test_curl_options_about_tls_become_attributes() -> None:
    source = read_curl(
        "curl -k --cacert ca.pem --cert me.pem:phrase --key me.key https://chat.example", Path()
    )
    expected = {"insecure": True, "ca_file": "ca.pem", "client_cert": "me.pem", "client_key": "me.key"}
    assert source.tls == expected
    assert "phrase" not in render_locustfile(source, "chat")


BAD_CURLS = [
    ("another program", "wget http://x", "should begin with `curl `"),
    ("nothing", "", "should begin with `curl `"),
    ("an open quote", "curl 'http://x", "a quote is not closed"),
    ("no URL", "curl -s", "no URL in the line"),
    ("two URLs", "curl http://x http://y", "more than one URL"),
    ("an option without its value", "curl http://x -H", "-H/--header: expected one argument"),
    ("an unknown option", "curl --frob=hunter2 http://x", "--frob; leave out"),
    ("multipart", "curl -F file=@x http://x", "a multipart form is not supported"),
    ("another scheme", "curl ftp://x/y", "should start with http://"),
    ("a file that is not there", "curl -d @nowhere.txt http://x", "nowhere.txt: No such file"),
    ("a cookie file", "curl -b jar.txt http://x", "cookie file"),
]


@pytest.mark.parametrize(("line", "says"), [row[1:] for row in BAD_CURLS], ids=[row[0] for row in BAD_CURLS])
def test_a_curl_line_that_cannot_be_read(line: str, says: str) -> None:
    with pytest.raises(SourceError, match=r"^--curl: .*") as caught:
        read_curl(line, Path())
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


# --- HAR -------------------------------------------------------------------------------------------


def entry(url: str, method: str = "GET", mime: str = "application/json", **request: Any) -> dict[str, Any]:
    return {
        "request": {"method": method, "url": url, "headers": [], **request},
        "response": {"status": 200, "content": {"mimeType": mime}},
    }


def har(*entries: Any) -> str:
    return json.dumps({"log": {"version": "1.2", "entries": list(entries)}})


def test_har_keeps_the_distinct_requests_to_the_busiest_host() -> None:
    text = har(
        entry("http://chat.example/", mime="text/html"),
        entry("http://chat.example/app.js?v=3", mime="text/javascript"),
        entry("http://chat.example/logo", mime="image/png"),
        entry("http://chat.example/api/chats/1"),
        entry("http://chat.example/api/chats/2"),
        entry("http://chat.example/api/chats/1", "DELETE"),
        entry("http://chat.example/api/ask", "OPTIONS"),
        entry(
            "http://chat.example/api/ask",
            "POST",
            headers=[
                {"name": "User-Agent", "value": "Browser"},
                {"name": ":authority", "value": "chat.example"},
                {"name": "X-Tenant", "value": "t1"},
                {"name": "Content-Type", "value": "application/json"},
            ],
            postData={"mimeType": "application/json", "text": '{"q": 1}'},
        ),
        entry("http://tracker.example/hit"),
        "broken",
    )
    source = read_har(text, Path("r.har"), None)
    labels = ["GET /", "GET /api/chats/{id}", "DELETE /api/chats/{id}", "POST /api/ask"]
    assert [operation.label for operation in source.operations] == labels
    assert [operation.weight for operation in source.operations] == [1, 1, 0, 1]
    ask = source.operations[3]
    assert (ask.headers, ask.json) == ({"X-Tenant": "t1"}, {"q": 1})
    (note,) = source.notes
    assert note == (
        "Left out: static files and preflights (3), requests to other hosts: tracker.example (1), repeats (1)"
    )


def test_har_of_the_host_that_is_asked_for() -> None:
    text = har(entry("http://a.example/x"), entry("http://a.example/y"), entry("http://b.example/z"))
    (operation,) = read_har(text, Path("r.har"), "http://b.example").operations
    assert operation.label == "GET /z"


def test_har_tells_graphql_operations_apart() -> None:
    calls = [
        entry(
            "http://a.example/graphql",
            "POST",
            headers=[{"name": "content-type", "value": "application/json"}],
            postData={"text": json.dumps({"operationName": name, "query": "..."})},
        )
        for name in ("Login", "Ask", "Ask")
    ]
    source = read_har(har(*calls), Path("r.har"), None)
    assert [operation.name for operation in source.operations] == ["/graphql Login", "/graphql Ask"]


@pytest.mark.parametrize(
    ("text", "host", "says"),
    [
        pytest.param("nonsense", None, "not JSON", id="not JSON"),
        pytest.param('{"openapi": "3.1.0"}', None, "no log.entries", id="another document"),
        pytest.param(har(), None, "holds no request", id="empty"),
        pytest.param(har(entry("http://a/x.css", mime="text/css")), None, "only static files", id="static"),
        pytest.param(
            har(entry("http://a/x")), "http://b", "no request to http://b; it has http://a", id="host"
        ),
    ],
)
def test_a_har_file_that_cannot_be_read(text: str, host: str | None, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read_har(text, Path("r.har"), host)


# --- secrets ---------------------------------------------------------------------------------------

SECRETS = [
    ("bearer", "-H 'Authorization: Bearer v4lue-v4lue'", ["CHAT_TOKEN"]),
    ("basic", "-u ada:v4lue", ["CHAT_BASIC_AUTH"]),
    ("another scheme", "-H 'Authorization: v4lue-v4lue'", ["CHAT_AUTHORIZATION"]),
    ("an API key", "-H 'x-api-key: v4lue'", ["CHAT_X_API_KEY"]),
    ("cookies", "-b 'sid=v4lue; theme=dark'", ["CHAT_COOKIE"]),
    ("an unusual header", "-H 'X-Acme-Auth-Token: v4lue'", ["CHAT_X_ACME_AUTH_TOKEN"]),
    ("a query parameter", "'http://chat.example/?api_key=v4lue'", ["CHAT_API_KEY"]),
    ("a JSON field", """--json '{"a": [{"clientSecret": "v4lue"}]}'""", ["CHAT_CLIENT_SECRET"]),
    ("a form field", "-d 'user=ada&password=v4lue'", ["CHAT_PASSWORD"]),
    ("a key in a text", """--json '{"q": "is sk-v4luev4luev4luev4lue good?"}'""", ["CHAT_KEY"]),
    ("a key in the path", "http://chat.example/hook/ghp_v4luev4luev4luev4lue", ["CHAT_KEY"]),
    (
        "the same value twice",
        """-H 'X-Api-Key: v4luev4lue' --json '{"k": "v4luev4lue"}'""",
        ["CHAT_X_API_KEY"],
    ),
    (
        "two of a kind",
        """--json '{"token": "v4lue1", "b": {"token": "v4lue2"}}'""",
        ["CHAT_TOKEN", "CHAT_TOKEN_2"],
    ),
    ("none", """--json '{"max_tokens": 5, "tokens": "plain", "q": "no secret"}' -H 'X-Trace: plain'""", []),
]


@pytest.mark.parametrize(
    ("words", "variables"), [row[1:] for row in SECRETS], ids=[row[0] for row in SECRETS]
)
def test_no_secret_is_written(words: str, variables: list[str]) -> None:
    url = "" if "http://" in words else "http://chat.example/ask"
    keeper = SecretKeeper("chat")
    source = keeper.cleaned(read_curl(f"curl {url} {words}", Path()))
    text = (
        render_locustfile(source, "chat") + render_config(source, "chat") + "".join(keeper.purposes.values())
    )
    assert "v4lue" not in text
    assert sorted(keeper.purposes) == variables
    for variable in variables:
        assert f"${{{variable}}}" in text or f"'{variable}'" in text or f'"{variable}"' in text


# --- Python ----------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(JSON, st.integers(0, 40))
def test_a_literal_reads_back_as_its_value(value: Any, indent: int) -> None:
    assert ast.literal_eval(literal(value, indent)) == value


@given(st.lists(st.sampled_from([*RESERVED, "ask", "ask_2", "class", "", "2fa"])))
def test_names_of_tasks_are_distinct_identifiers(words: list[str]) -> None:
    names = list(unique(words))
    assert len(set(names)) == len(words)
    assert all(name.isidentifier() and name not in RESERVED for name in names)


def test_every_attribute_of_a_user_is_reserved() -> None:
    public = {name for name in dir(ArrivalUser) if not name.startswith("_")} | {"client", "environment"}
    assert public <= RESERVED


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/v1/chats", "/v1/chats"),
        ("/v1/chats/17/turns", "/v1/chats/{id}/turns"),
        ("/files/0f9a1b2c3d", "/files/{id}"),
        ("/t/thread_9fAk2Lm3", "/t/{id}"),
        ("/gpt-4/feedback", "/gpt-4/feedback"),
    ],
)
def test_a_path_template(path: str, template: str) -> None:
    assert path_template(path) == template


AWKWARD = {"q": "x" * 100, "deep": [{"a": [1, 2, {"b": "y" * 90}]}], 'quo"te': 'it\'s \\ "both" ünï {x}\n'}
SECRET_HEADERS = "-H 'X-Key: secret' -H 'Authorization: Bearer ab{c}def'"
RENDERED = [
    ("an OpenAPI document", openapi()),
    (
        "a curl line",
        cleaned(read_curl(f"curl -k {SECRET_HEADERS} chat.example/a/{{b}} --json '[1.5, null]'", Path())),
    ),
    ("nothing to check", cleaned(read_curl("curl -I chat.example", Path()))),
    (
        "awkward words and values",
        cleaned(
            Source(
                title='A "title" \\ with\nlines ' + "z" * 200,
                origin="o\n",
                host=HOST,
                operations=(
                    replace(
                        openapi().operations[0], json=AWKWARD, summary='Say """x""" \\', fields=["f" * 30] * 4
                    ),
                    read_curl("curl -X PROPFIND chat.example/class?token=abc", Path()).operations[0],
                    read_curl("curl chat.example/x/ghp_v4luev4luev4luev4lue/y", Path()).operations[0],
                ),
            )
        ),
    ),
]


@pytest.mark.parametrize("source", [row[1] for row in RENDERED], ids=[row[0] for row in RENDERED])
def test_the_files_are_formatted_and_correct(source: Source, tmp_path: Path) -> None:
    (tmp_path / "chat.py").write_text(render_locustfile(source, "chat"))
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["format", "--check", "--diff"], ["check", "--select", "E,F,I,W,B", "--ignore", "E501"]):
        ended = subprocess.run(
            [*ruff, *command, "--isolated", "--no-cache", "chat.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
    config = parse_config(render_config(source, "chat"), tmp_path / "harness.toml")
    assert config.scenarios["chat"].host == source.host
    for rule in config.criteria.items():
        parse_rule(*rule)


def test_the_locustfile_of_a_document_names_each_operation_once() -> None:
    tree = ast.parse(render_locustfile(openapi(), "support_chat"))
    (user,) = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert user.name == "SupportChatUser"
    tasks = [node.name for node in user.body if isinstance(node, ast.FunctionDef)]
    assert tasks == ["add_turn", "delete_turns", "post_login", "get_search"]
