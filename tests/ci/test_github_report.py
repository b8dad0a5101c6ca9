"""The comment and the nightly issue, against a server on loopback that speaks the API's part of it."""

import runpy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.ci.github_server import COMMENTS, GitHub, github_server

SCRIPT = Path(__file__).parents[2] / "deploy" / "ci" / "github.py"
_SCRIPT = runpy.run_path(str(SCRIPT))
MAIN: Callable[[list[str], Mapping[str, str]], int] = _SCRIPT["main"]
MARKER: str = _SCRIPT["COMMENT_MARKER"]
MOST: int = _SCRIPT["MOST_CHARACTERS"]


@pytest.fixture
def github() -> Iterator[GitHub]:
    with github_server() as found:
        yield found


@pytest.fixture
def tell(github: GitHub, tmp_path: Path) -> Callable[..., int]:
    """Run the script with texts as its reports."""

    def run(*arguments: str, texts: tuple[str, ...] = ("## Results\n",)) -> int:
        paths = []
        for number, text in enumerate(texts):
            paths.append(tmp_path / f"{number}.md")
            paths[-1].write_text(text, encoding="utf-8")
        env = {"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": "octo/service", "GITHUB_TOKEN": "t0ken"}
        env |= {"GITHUB_RUN_ID": "77", "GITHUB_SERVER_URL": "https://github.example"}
        return MAIN(["--first-wait-s", "0.01", *arguments, *map(str, paths)], env)

    return run


COMMENT = ("comment", "--number", "12")


def test_creates_once_and_updates_from_then_on(github: GitHub, tell: Callable[..., int]) -> None:
    assert tell(*COMMENT, texts=("first",)) == 0
    assert tell(*COMMENT, texts=("second", "third")) == 0
    assert len(github.comments) == 1
    assert github.comments[0]["body"] == (
        f"{MARKER}\nsecond\n\nthird\n\n[Run 77](https://github.example/octo/service/actions/runs/77)\n"
    )
    assert github.changes() == [("POST", COMMENTS), ("PATCH", "/repos/octo/service/issues/comments/1000")]
    assert github.tokens == {"Bearer t0ken"}


def test_finds_its_comment_on_a_later_page(github: GitHub, tell: Callable[..., int]) -> None:
    github.most_per_page = 10
    for number in range(25):
        github.make(github.comments, {"body": f"talk {number}", "user": {"login": "someone"}})
    github.make(github.comments, {"body": f"{MARKER}\nold"})
    for number in range(10):
        github.make(github.comments, {"body": f"more talk {number}", "user": {"login": "someone"}})
    assert tell(*COMMENT) == 0
    assert len(github.comments) == 36
    assert github.comments[25]["body"].startswith(f"{MARKER}\n## Results")


@pytest.mark.parametrize(
    "comment",
    [
        pytest.param({"body": f"{MARKER}\nmine", "user": {"login": "mallory"}}, id="marker of another"),
        pytest.param({"body": f"> {MARKER}\nquoted"}, id="quoted marker"),
        pytest.param({"body": None}, id="no body"),
        pytest.param({"body": f"{MARKER}\nx", "user": None}, id="deleted account"),
    ],
)
def test_leaves_other_comments_alone(
    github: GitHub, tell: Callable[..., int], comment: dict[str, Any]
) -> None:
    github.make(github.comments, comment)
    assert tell(*COMMENT) == 0
    assert len(github.comments) == 2
    assert github.comments[0]["body"] == comment["body"]


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(("GET", 502, {}), id="reading fails"),
        pytest.param(("POST", 500, {}), id="creating fails"),
        pytest.param(("POST", 0, {}), id="created, and the answer is lost"),
        pytest.param(("POST", 403, {"Retry-After": "0"}), id="secondary rate limit"),
        pytest.param(("POST", 429, {"Retry-After": "0"}), id="rate limit"),
    ],
)
def test_comes_back_and_never_creates_two(
    github: GitHub, tell: Callable[..., int], trouble: tuple[str, int, dict[str, str]]
) -> None:
    github.trouble = [trouble, trouble] if trouble[1] else [trouble]
    assert tell(*COMMENT) == 0
    assert len(github.comments) == 1
    assert github.trouble == []


def test_gives_up_when_the_service_stays_away(
    github: GitHub, tell: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    github.trouble = [("GET", 503, {})] * 5
    assert tell(*COMMENT) == 1
    assert "::error::" in capsys.readouterr().out
    assert len(github.requests) == 5


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_fork_gets_a_notice(
    github: GitHub, tell: Callable[..., int], capsys: pytest.CaptureFixture[str], method: str
) -> None:
    github.trouble = [(method, 403, {})]
    assert tell(*COMMENT) == 0
    assert "::notice::this token may not comment" in capsys.readouterr().out
    assert github.comments == []


def test_a_bad_token_fails_at_once(github: GitHub, tell: Callable[..., int]) -> None:
    github.trouble = [("GET", 401, {})]
    assert tell(*COMMENT) == 1
    assert len(github.requests) == 1


def test_the_token_goes_nowhere_else(github: GitHub, tell: Callable[..., int]) -> None:
    github.trouble = [("GET", 302, {"Location": f"{github.url}/elsewhere"})]
    assert tell(*COMMENT) == 1
    assert [path for _, path in github.requests] == [COMMENTS]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("| p95 | < 500 ms | 380 ms |\n", id="plain"),
        pytest.param("| ✅ \N{GRINNING FACE} |\n", id="outside the basic plane"),
        pytest.param("x" * 70_000, id="one line longer than all"),
    ],
)
def test_a_long_report_is_cut_at_a_line_with_a_note(
    github: GitHub, tell: Callable[..., int], line: str
) -> None:
    assert (
        tell(
            "--artifact", "benchmark-results", *COMMENT, texts=("head\n" + line * (1 + 100_000 // len(line)),)
        )
        == 0
    )
    text = github.comments[0]["body"]
    assert len(text.encode("utf-16-le")) // 2 <= MOST == 65_536
    assert "The rest did not fit into a comment" in text
    assert text.endswith("/actions/runs/77) · artifacts: `benchmark-results`\n")
    lines = text.removeprefix(f"{MARKER}\nhead").partition("*The rest")[0].split("\n")
    assert set(lines) <= {"", line.strip()}


def test_without_a_report_the_comment_says_so(github: GitHub, tell: Callable[..., int]) -> None:
    assert tell(*COMMENT, "missing.md", texts=()) == 0
    assert "No report was written" in github.comments[0]["body"]


ISSUE = ("issue", "--topic", "nightly", "--outcome")


def test_the_nightly_issue_opens_once_and_closes(github: GitHub, tell: Callable[..., int]) -> None:
    github.make(github.issues, {"body": "another", "user": {"login": "someone"}})
    github.make(github.issues, {"body": "a pull request", "pull_request": {}})
    for outcome in ("success", "failure", "failure", "success", "success", "failure"):
        assert tell(*ISSUE, outcome, texts=(f"it was a {outcome}",)) == 0
    ours = github.issues[2:]
    assert [issue["state"] for issue in ours] == ["closed", "open"]
    assert ours[0]["title"] == "The nightly Performance Benchmark fails"
    assert "it was a success" in ours[0]["body"]
    assert [method for method, _ in github.changes()] == ["POST", "PATCH", "PATCH", "POST"]


def test_each_schedule_has_its_own_issue(github: GitHub, tell: Callable[..., int]) -> None:
    assert tell(*ISSUE, "failure") == 0
    assert tell("issue", "--topic", "weekly", "--outcome", "failure") == 0
    assert tell(*ISSUE, "success") == 0
    assert [(issue["title"], issue["state"]) for issue in github.issues] == [
        ("The nightly Performance Benchmark fails", "closed"),
        ("The weekly Performance Benchmark fails", "open"),
    ]


def test_an_issue_that_may_not_be_opened_is_an_error(github: GitHub, tell: Callable[..., int]) -> None:
    github.trouble = [("GET", 403, {})]
    assert tell(*ISSUE, "failure") == 1


@pytest.mark.parametrize("missing", ["GITHUB_TOKEN", "GITHUB_REPOSITORY"])
def test_what_is_missing_is_said(missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    env = {"GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "o/r"}
    assert MAIN(list(COMMENT), {**env, missing: ""}) == 2
    assert missing in capsys.readouterr().err
