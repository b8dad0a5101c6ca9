"""The routes behind the web UI's tab: a page, its script and style, its data, the files of finished runs.

All are GET and change nothing. Where Locust asks for a login, so do they. The page is text and drawings
made in the browser from data: no part of an answer of the service is ever taken for markup, and a policy
forbids the page whatever does not come from here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request, send_file
from locust.web import WebUI

from harness.plugin._web_live import FinishedRuns, LiveDocument, run_file

_STATIC = Path(__file__).parent / "static"
_ASSETS = {
    "live.css": "text/css",
    **dict.fromkeys(
        ("live.js", "live-charts.js", "live-elements.js", "live-sections.js", "tab.js"), "text/javascript"
    ),
}
_READ_AT_ONCE = {".html": "text/html", ".md": "text/plain", ".json": "application/json"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)


class LivePages:
    """Adds the routes under `/harness/` and puts the page into Locust's own."""

    def __init__(
        self,
        app: Flask,
        web_ui: WebUI,
        base_path: str,
        live: LiveDocument,
        finished: Callable[[], FinishedRuns],
    ) -> None:
        """`base_path` is what Locust's own routes begin with, without a slash at its end."""
        self._app = app
        self._web_ui = web_ui
        self._base_path = base_path
        self._live = live
        self._finished = finished
        self._route("live", self._page)
        self._route("live.json", self._data)
        self._route("assets/<name>", self._asset)
        self._route("runs/<run_id>/<name>", self._file)
        self._route("report/<run_id>", self._report)
        app.after_request(self._with_the_tab)

    def _route(self, path: str, view: Callable[..., Response]) -> None:
        self._app.add_url_rule(
            f"{self._base_path}/harness/{path}",
            f"harness_{path}",
            self._web_ui.auth_required_if_enabled(view),
            methods=["GET"],
        )

    def _page(self) -> Response:
        response = send_file(_STATIC / "live.html", mimetype="text/html", max_age=0)
        response.headers["Content-Security-Policy"] = _POLICY
        return _plainly(response)

    def _data(self) -> Response:
        response = jsonify(self._live.now())
        response.headers["Cache-Control"] = "no-store"
        return _plainly(response)

    def _asset(self, name: str) -> Response:
        kind = _ASSETS.get(name)
        if kind is None:
            return _missing("no such file")
        return _plainly(send_file(_STATIC / name, mimetype=kind, max_age=0))

    def _file(self, run_id: str, name: str) -> Response:
        path = run_file(self._finished(), run_id, name)
        if path is None:
            return _missing(self._why_missing())
        kind = _READ_AT_ONCE.get(path.suffix)
        response = send_file(path, mimetype=kind, as_attachment=kind is None, max_age=0)
        return _plainly(response)

    def _report(self, run_id: str) -> Response:
        """The HTML report of a run of this process; `latest` is the one that ended last."""
        return self._file(run_id, "report.html")

    def _why_missing(self) -> str:
        return "no such run or file" if self._finished() else "no run of this Locust process has ended yet"

    def _with_the_tab(self, response: Response) -> Response:
        """Locust's page with the script that shows ours in the tab; without it, the tab has a table."""
        if request.endpoint != "locust.index" or response.mimetype != "text/html":
            return response
        src = f"{self._base_path}/harness/assets/tab.js"
        text: Any = response.get_data(as_text=True)
        response.set_data(text.replace("</body>", f'<script src="{src}" defer></script>\n</body>', 1))
        return response


def _plainly(response: Response) -> Response:
    """Taken for what it says it is, and for nothing else."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _missing(why: str) -> Response:
    """Not an exception: with a login, Locust would answer that as a success."""
    return Response(why, 404, mimetype="text/plain")
