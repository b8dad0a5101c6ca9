"""Users whose names, categories and errors are markup, and who have a thousand endpoints.

With `--web-login` the only account is `tester`, logged in by a GET of /enter.
"""

from itertools import count
from typing import Any

from flask import redirect
from flask_login import login_user  # type: ignore[import-untyped]  # it has no stubs
from locust import between, events, task
from werkzeug import Response

import harness.plugin  # noqa: F401
from harness.engine import Answer, ServiceUser
from tests.support.awkward_names import ENDPOINTS, IMAGE, SCRIPT

NUMBERS = count()


def refuse(response: Any) -> Answer:
    return Answer(reason=f"{IMAGE} is wrong")


class AwkwardUser(ServiceUser):
    wait_time = between(0.005, 0.02)

    @task(4)
    def one_of_many(self) -> None:
        self.client.post("/work", json={}, name=f"/item/{next(NUMBERS) % ENDPOINTS}", category="simple")

    @task(2)
    def named_like_markup(self) -> None:
        self.client.post("/work", json={}, name=SCRIPT, category=IMAGE)

    @task(1)
    def wrong(self) -> None:
        self.client.post("/work", json={}, name="/wrong", category="simple", check=refuse)


class Tester:
    is_authenticated = is_active = True

    def get_id(self) -> str:
        return "tester"


def _let_the_tester_in(environment: Any, **_: Any) -> None:
    if environment.web_ui is None or not environment.parsed_options.web_login:
        return
    web_ui = environment.web_ui
    web_ui.app.config["SECRET_KEY"] = "of no worth"
    web_ui.login_manager.user_loader(lambda _: Tester())

    def enter() -> Response:
        login_user(Tester())
        return redirect("/")

    web_ui.app.add_url_rule("/enter", "enter", enter)


events.init.add_listener(_let_the_tester_in)  # type: ignore[no-untyped-call]  # Locust's has no types
