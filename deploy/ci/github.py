"""Tell GitHub how a benchmark went: one comment in a pull request, one issue about a scheduled run.

    python deploy/ci/github.py comment --number 12 report.md regression.md
    python deploy/ci/github.py issue --topic nightly --outcome failure report.md

Both are created once and updated from then on: a hidden first line marks them. A token that may not
comment, as that of a pull request from a fork, gives a notice and exit code 0: the job summary holds
the same report. Needs GITHUB_REPOSITORY and GITHUB_TOKEN; GITHUB_API_URL, GITHUB_SERVER_URL and
GITHUB_RUN_ID are what Actions sets. The standard library alone.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMENT_MARKER = "<!-- performance-benchmark -->"

#: GitHub refuses longer bodies.
MOST_CHARACTERS = 65_536
CUT_NOTE = "\n\n*The rest did not fit into a comment: it is in the job summary and in the artifacts.*"

_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_ATTEMPTS = 5
_LONGEST_WAIT_S = 60.0
_TIMEOUT_S = 30.0


class ApiError(Exception):
    """An answer that no repetition would change."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class UnavailableError(Exception):
    """The service did not answer, or asks to come back later: after `wait_s`, if it says when."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(slots=True, frozen=True)
class Answer:
    """A JSON document, and the address of the next page where there is one."""

    document: Any
    next_url: str | None


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to wherever it points."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Api:
    """GitHub's REST API for one repository."""

    def __init__(self, url: str, repository: str, token: str, *, first_wait_s: float = 1.0) -> None:
        self._root = f"{url.rstrip('/')}/"
        self._repository = f"{self._root}repos/{repository}"
        self._token = token
        self._first_wait_s = first_wait_s
        self._opener = urllib.request.build_opener(NoRedirect())

    def pages(self, path: str) -> Iterator[Any]:
        """Every item of a list, over all its pages. Raises UnavailableError as `send` does."""
        url: str | None = f"{self._repository}{path}"
        while url:
            answer = self._once("GET", url)
            yield from answer.document
            url = answer.next_url

    def send(self, method: str, path: str, document: Mapping[str, Any]) -> Any:
        """One attempt to change something. Raises UnavailableError where another may be made."""
        return self._once(method, f"{self._repository}{path}", document).document

    def patiently(self, work: Callable[[], Any]) -> Any:
        """The result of `work`, which is done again, ever later, as long as it raises UnavailableError."""
        wait_s = self._first_wait_s
        for left in range(_ATTEMPTS - 1, -1, -1):
            try:
                return work()
            except UnavailableError as error:
                if not left:
                    raise
                time.sleep(min(error.wait_s if error.wait_s is not None else wait_s, _LONGEST_WAIT_S))
                wait_s *= 2
        raise AssertionError("the last attempt returns or raises")

    def _once(self, method: str, url: str, document: Mapping[str, Any] | None = None) -> Answer:
        request = urllib.request.Request(  # noqa: S310 - http(s) alone, checked in main
            url,
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "User-Agent": "performance-benchmark",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as response:
                return Answer(json.loads(response.read()), self._next_url(response.headers.get("Link", "")))
        except urllib.error.HTTPError as error:
            raise _refusal(error, f"{method} {url}") from error
        except (OSError, ValueError) as error:
            raise UnavailableError(f"{method} {url}: {getattr(error, 'reason', error)}") from error

    def _next_url(self, link: str) -> str | None:
        """The `rel="next"` of a Link header, if it leads to this API: the token goes nowhere else."""
        for part in link.split(","):
            target, _, parameters = part.partition(";")
            url = target.strip().strip("<>")
            if 'rel="next"' in parameters and url.startswith(self._root):
                return url
        return None


def _refusal(error: urllib.error.HTTPError, what: str) -> Exception:
    with error:
        text = error.read(2_000).decode("utf-8", "replace")
    try:
        reason = str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        reason = error.reason
    said = f"{what}: {error.code} {reason}"
    after = error.headers.get("Retry-After", "")
    wait_s = float(after) if after.isdecimal() else None
    # A secondary rate limit is a 403 that says when to come back.
    if error.code in _TRANSIENT or (error.code == 403 and wait_s is not None):
        return UnavailableError(said, wait_s)
    return ApiError(error.code, said)


def length(text: str) -> int:
    """Characters as GitHub may count them: UTF-16 units, never fewer than code points."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, most: int) -> str:
    """The text, or as many of its whole lines as fit with a note that something is missing."""
    if length(text) <= most:
        return text
    room = most - length(CUT_NOTE)
    kept: list[str] = []
    for line in text.splitlines(keepends=True):
        room -= length(line)
        if room < 0:
            break
        kept.append(line)
    return "".join(kept).rstrip() + CUT_NOTE


def body(marker: str, texts: Sequence[str], footer: str) -> str:
    """The marker, the reports, and the footer, which a cut leaves in place."""
    told = "\n\n".join(text.strip() for text in texts if text.strip())
    told = told or "No report was written: the log of the run says why."
    end = f"\n\n{footer}\n" if footer else "\n"
    return cut(f"{marker}\n{told}", MOST_CHARACTERS - length(end)) + end


def put_comment(api: Api, number: int, text: str, author: str) -> str:
    """Create the pull request's comment, or update it; what was done, in words.

    The comments are read anew before each attempt: one that GitHub created although its answer was
    lost is found then, and not created twice.
    """

    def attempt() -> str:
        for comment in api.pages(f"/issues/{number}/comments?per_page=100"):
            if _is_ours(comment, COMMENT_MARKER, author):
                api.send("PATCH", f"/issues/comments/{comment['id']}", {"body": text})
                return f"comment {comment['id']} updated"
        created = api.send("POST", f"/issues/{number}/comments", {"body": text})
        return f"comment {created['id']} created"

    return str(api.patiently(attempt))


def issue_marker(topic: str) -> str:
    """The hidden first line of the issue about the `nightly` or `weekly` run."""
    return f"<!-- performance-benchmark: {topic} -->"


def put_issue(api: Api, topic: str, text: str, author: str, *, failed: bool) -> str:
    """Open the issue about a scheduled run or bring it up to date; close it once the run is good again."""

    def attempt() -> str:
        for issue in api.pages("/issues?state=open&per_page=100"):
            if "pull_request" not in issue and _is_ours(issue, issue_marker(topic), author):
                state = {} if failed else {"state": "closed"}
                api.send("PATCH", f"/issues/{issue['number']}", {"body": text, **state})
                return f"issue {issue['number']} {'updated' if failed else 'closed'}"
        if not failed:
            return "no issue is open, and none is needed"
        created = api.send(
            "POST", "/issues", {"title": f"The {topic} Performance Benchmark fails", "body": text}
        )
        return f"issue {created['number']} opened"

    return str(api.patiently(attempt))


def _is_ours(item: Mapping[str, Any], marker: str, author: str) -> bool:
    """Anyone can write the marker; the author keeps others from having their words replaced."""
    login = (item.get("user") or {}).get("login")
    return login == author and (item.get("body") or "").startswith(marker)


def footer_from(env: Mapping[str, str], artifacts: Sequence[str]) -> str:
    """Where the rest is: the run and its artifacts."""
    run = env.get("GITHUB_RUN_ID")
    server, repository = env.get("GITHUB_SERVER_URL", "https://github.com"), env.get("GITHUB_REPOSITORY", "")
    parts = [f"[Run {run}]({server}/{repository}/actions/runs/{run})"] if run else []
    if artifacts:
        parts.append("artifacts: " + ", ".join(f"`{name}`" for name in artifacts))
    return " · ".join(parts)


def _read(paths: Sequence[Path]) -> list[str]:
    """The reports that there are: a job that failed early has none."""
    return [path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--author", default="github-actions[bot]", help="whose comment or issue it is")
    parser.add_argument("--artifact", action="append", default=[], help="name of an artifact to point at")
    parser.add_argument("--first-wait-s", type=float, default=1.0, help="before the first repetition")
    commands = parser.add_subparsers(dest="command", required=True)
    comment = commands.add_parser("comment", help="create or update the pull request's comment")
    comment.add_argument("--number", type=int, required=True, help="of the pull request")
    issue = commands.add_parser("issue", help="open, update or close the issue about a scheduled run")
    issue.add_argument("--topic", choices=["nightly", "weekly"], required=True)
    issue.add_argument("--outcome", choices=["success", "failure"], required=True)
    for command in (comment, issue):
        command.add_argument("reports", nargs="*", type=Path, metavar="FILE", help="Markdown, in this order")
    return parser


def main(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Exit code 0: told, or not allowed to comment. 1: GitHub refused or stayed away. 2: usage."""
    options = _parser().parse_args(arguments)
    url = env.get("GITHUB_API_URL") or "https://api.github.com"
    repository, token = env.get("GITHUB_REPOSITORY"), env.get("GITHUB_TOKEN")
    if not repository or not token or not url.startswith(("http://", "https://")):
        print("set GITHUB_REPOSITORY and GITHUB_TOKEN (and GITHUB_API_URL to http://...)", file=sys.stderr)
        return 2
    api = Api(url, repository, token, first_wait_s=options.first_wait_s)
    texts, footer = _read(options.reports), footer_from(env, options.artifact)
    try:
        if options.command == "comment":
            print(put_comment(api, options.number, body(COMMENT_MARKER, texts, footer), options.author))
        else:
            failed = options.outcome == "failure"
            text = body(issue_marker(options.topic), texts, footer)
            print(put_issue(api, options.topic, text, options.author, failed=failed))
    except ApiError as error:
        if error.status == 403 and options.command == "comment":
            print(f"::notice::this token may not comment ({error}); the job summary holds the report")
            return 0
        print(f"::error::{error}")
        return 1
    except UnavailableError as error:
        print(f"::error::{error}, {_ATTEMPTS} times")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
