"""End to end, by category: mean and p95 of each, cases in any mix, what they cost each other, cold start.

    locust -f locustfiles/end_to_end.py --headless -u 20 -r 10 -t 2m --mix 8,1,1      # a mix alone
    locust -f locustfiles/end_to_end.py,shapes/alone_then_mixed.py --headless         # interference, too
    harness run end_to_end --with-services                                            # and the cold start

`--mix` gives the shares of simple, moderate and complex cases. With `shapes/alone_then_mixed.py` each
category runs alone before all run together, and a single user comes before everybody: it sends the
first case that a freshly started service gets, under the name `cold-start`. That one lies in the
warm-up, so that it is in no other figure; the scenario's derived figures show it.
"""

import argparse
import logging
import urllib.request
from typing import Any

from locust import constant, events, task

import harness.plugin  # noqa: F401 - gives every test a run folder, a verdict and an exit code
from harness.engine import ServiceUser
from locustfiles._cases import CORPUS, DECK, CaseUser, check_assessment

logger = logging.getLogger(__name__)

CATEGORIES = ("simple", "moderate", "complex")


def mix(text: str) -> str:
    """Shares of the three categories as written on a command line; raises ArgumentTypeError."""
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        shares = []
    if len(shares) != len(CATEGORIES) or min(shares) <= 0 or not sum(shares) < float("inf"):
        raise argparse.ArgumentTypeError(
            f"should be three shares above 0, for simple, moderate and complex cases, as 5,3,2, not {text!r}"
        )
    return text


@events.init_command_line_parser.add_listener
def _add_options(parser: Any, **_: Any) -> None:
    parser.add_argument(
        "--mix",
        type=mix,
        default="5,3,2",
        env_var="HARNESS_MIX",
        help="shares of simple, moderate and complex cases",
    )


class EndToEndUser(CaseUser):
    """A case user whose share of the mix is an option."""

    abstract = True
    load_options = ("mix",)


class EndToEndSimple(EndToEndUser):
    category = "simple"


class EndToEndModerate(EndToEndUser):
    category = "moderate"


class EndToEndComplex(EndToEndUser):
    category = "complex"


@events.init.add_listener
@events.test_start.add_listener
def _set_shares(environment: Any, **_: Any) -> None:
    shares = [float(part) for part in environment.parsed_options.mix.split(",")]
    for user_class, share in zip((EndToEndSimple, EndToEndModerate, EndToEndComplex), shares, strict=True):
        user_class.weight = share


class ColdStart(ServiceUser):
    """Sends one simple case to a service that has answered none since its start, and then waits.

    A service that has answered cases, or does not tell, is left alone: its first answer was before.
    """

    host = "http://localhost:8000"
    fixed_count = 1
    category = "cold-start"
    corpus = CORPUS
    wait_time = constant(24 * 3600)

    @task
    def first_case(self) -> None:
        answered = cases_answered(str(self.host))
        if answered != 0:
            why = (
                "does not tell whether it has" if answered is None else f"has answered {answered:.0f} before"
            )
            logger.warning(
                "no cold start: a case would not be this service's first (it %s); "
                "start it fresh, as with `harness run end_to_end --with-services`",
                why,
            )
            return
        drawn = DECK.draw("simple")
        if drawn is not None:
            case_id, case = drawn
            self.client.post(
                "/api/cases",
                name="cold-start",
                json={"case_id": case_id, **case.request},
                case_id=case_id,
                check=lambda response: check_assessment(response, case),
            )


def cases_answered(host: str) -> float | None:
    """How many cases the service says, at /metrics, that it has answered; None if it does not tell."""
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{host}/metrics", timeout=5) as response:
            lines = response.read().decode().splitlines()
    except (OSError, ValueError):
        return None
    if not any(line.startswith("# TYPE target_cases_total ") for line in lines):
        return None
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("target_cases_total{"))
