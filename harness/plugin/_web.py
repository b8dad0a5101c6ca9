"""The harness in Locust's web UI: finished runs with their verdicts, and a door that is shut.

Locust's UI answers any web page that the user has open (CORS is open to all) and runs Flask in
debug mode. Both are closed here; commands that another site's page sends are refused.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, jsonify, request, send_file
from locust.env import Environment
from locust.web import WebUI

from harness.engine import access_to_service
from harness.errors import HarnessError
from harness.plugin._settings import ask_target, host_of
from harness.runs import Manifest

if TYPE_CHECKING:
    from harness.reports import Judged

logger = logging.getLogger(__name__)

Finished = Callable[[], list[tuple[Manifest, "Judged"]]]

_TAB = "harness"
_COLUMNS = {
    "run": "Run",
    "verdict": "Verdict",
    "validity": "Measurement",
    "headline": "In words",
    "folder": "Folder",
}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class WebSide:
    """Adds the tab `Verdicts` and the route `/harness/report/<run id>`; `finished` lists the runs."""

    def __init__(self, environment: Environment, web_ui: WebUI, finished: Finished) -> None:
        self._environment = environment
        self._web_ui = web_ui
        assert web_ui.app is not None, "Locust makes the application before `init`"  # noqa: S101
        self._app: Flask = web_ui.app
        self._finished = finished
        self._base_path = getattr(environment.parsed_options, "web_base_path", "") or ""
        self._shut_the_door()
        self._add_tab()
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
                    {"href": f"{self._base_path}/harness/report/latest", "title": "Report of the latest run"}
                ],
            }

        web_ui.update_template_args = with_tab  # type: ignore[method-assign]
        app.after_request(self._with_verdicts)
        app.add_url_rule(
            f"{self._base_path}/harness/report/<run_id>",
            "harness_report",
            web_ui.auth_required_if_enabled(self._report),
        )

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
            for manifest, judged in reversed(self._finished())
        ]

    def _report(self, run_id: str) -> Response:
        """The HTML report of a run of this process; `latest` is the last one that ended."""
        runs = self._finished()
        wanted = [judged for manifest, judged in runs if run_id in {manifest.run_id, "latest"}]
        if not wanted:
            abort(404, "no such run" if runs else "no run of this Locust process has ended yet")
        return send_file(Path(wanted[-1].report_path).resolve(), mimetype="text/html")


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
