"""The harness in Locust's web UI: a tab with the run that lasts and those before, and a door that is shut.

Locust's UI answers any web page that the user has open (CORS is open to all) and runs Flask in
debug mode. Both are closed here; commands that another site's page sends are refused.
"""

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, jsonify, request
from locust.env import Environment
from locust.web import WebUI

from harness.engine import access_to_service
from harness.errors import HarnessError
from harness.plugin._target import ask_target, host_of
from harness.plugin._web_live import MOST_RUNS, FinishedRuns, LiveDocument
from harness.plugin._web_pages import LivePages

logger = logging.getLogger(__name__)

Finished = Callable[[], FinishedRuns]

_TAB = "harness"
_COLUMNS = {
    "run": "Run",
    "verdict": "Verdict",
    "validity": "Measurement",
    "headline": "In words",
    "folder": "Folder",
}
_LINKS = {
    "report.html": "Report of the latest run",
    "summary.json": "Figures of the latest run (JSON)",
    "requests.parquet": "Requests of the latest run (Parquet)",
}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class WebSide:
    """Adds the tab `Verdicts` and the routes under `/harness/`; `finished` lists the runs."""

    def __init__(
        self, environment: Environment, web_ui: WebUI, live: LiveDocument, finished: Finished
    ) -> None:
        self._environment = environment
        self._web_ui = web_ui
        assert web_ui.app is not None, "Locust makes the application before `init`"  # noqa: S101
        self._app: Flask = web_ui.app
        self._finished = finished
        self._base_path = getattr(environment.parsed_options, "web_base_path", "") or ""
        self._shut_the_door()
        self._add_tab()
        LivePages(self._app, web_ui, self._base_path, live, finished)
        warn_if_open(environment)

    def _shut_the_door(self) -> None:
        app = self._app
        app.debug = False
        app.before_request(self._refuse_other_sites)
        app.before_request(self._refuse_a_dead_target)
        # Flask runs these from the last to the first: at the front, ours comes after CORS's own.
        app.after_request_funcs.setdefault(None, []).insert(0, _without_cors)

    def _refuse_other_sites(self) -> None:
        origin = request.headers.get("Origin")
        if request.method == "POST" and origin and urlsplit(origin).netloc != request.host:
            abort(403, "commands are taken from this page only")

    def _refuse_a_dead_target(self) -> Response | None:
        """Before a test starts, where the form can still say why; Locust would say that it began."""
        if request.method != "POST" or not request.path.endswith("/swarm"):
            return None
        options: Any = self._environment.parsed_options
        host = request.form.get("host") or host_of(self._environment)
        if not host or options.skip_target_check:
            return None
        try:
            ask_target(host.rstrip("/"), access_to_service(self._environment.user_classes))
        except HarnessError as error:
            logger.error("%s", error)
            return jsonify({"success": False, "message": str(error), "host": host})
        return None

    def _add_tab(self) -> None:
        web_ui, app = self._web_ui, self._app
        update = web_ui.update_template_args

        def with_tab() -> None:
            update()
            web_ui.template_args |= {
                "extended_tabs": [{"title": "Verdicts", "key": _TAB}],
                "extended_tables": [
                    {"key": _TAB, "structure": [{"key": k, "title": t} for k, t in _COLUMNS.items()]}
                ],
                "extended_csv_files": [
                    {"href": f"{self._base_path}/harness/runs/latest/{name}", "title": title}
                    for name, title in _LINKS.items()
                ],
            }

        web_ui.update_template_args = with_tab  # type: ignore[method-assign]
        app.after_request(self._with_verdicts)

    def _with_verdicts(self, response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            document = response.get_json()
            document["extended_stats"] = [{"key": _TAB, "data": self._rows()}]
            response.set_data(self._app.json.dumps(document))
        return response

    def _rows(self) -> list[dict[str, str]]:
        return [
            {
                "run": manifest.run_id,
                "verdict": judged.overall,
                "validity": judged.judgement.validity.value,
                "headline": judged.judgement.headline,
                "folder": str(judged.report_path.parent),
            }
            for manifest, judged in reversed(self._finished()[-MOST_RUNS:])
        ]


def warn_if_open(environment: Environment) -> None:
    """One line when everybody who reaches this machine could start load from it."""
    options: Any = environment.parsed_options
    if options is None or options.web_login or options.web_host in _LOOPBACK:
        return
    # In a container it has to listen on every address; the display name says what is published.
    if urlsplit(options.web_host_display_name or "").hostname in _LOOPBACK:
        return
    logger.warning(
        "the web UI listens on every address of this machine, and whoever reaches it can send load: "
        "bind it with --web-host 127.0.0.1, or ask for a login with --web-login"
    )


def _without_cors(response: Response) -> Response:
    for name in [name for name, _ in response.headers if name.startswith("Access-Control-")]:
        del response.headers[name]
    return response
