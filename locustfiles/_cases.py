"""What the locustfiles about medical cases share: the corpus, a user that sends cases, the answer check."""

from pathlib import Path
from typing import Any

from locust import between, events, task
from locust.exception import StopUser

from harness.engine import Answer, Case, CaseDeck, ServiceUser, load_corpus, recorder

CORPUS = load_corpus(Path(__file__).parent / "data" / "cases.jsonl")
DECK = CaseDeck(CORPUS, recorder)


@events.init_command_line_parser.add_listener
def _add_options(parser: Any, **_: Any) -> None:
    parser.add_argument(
        "--case-order",
        choices=["circular", "random", "once"],
        default="circular",
        env_var="HARNESS_CASE_ORDER",
        help="deal the shuffled cases over and over, draw them at random, or send each once and stop",
    )


class CaseUser(ServiceUser):
    """Sends cases of one category to `POST /api/cases`."""

    abstract = True
    host = "http://localhost:8000"
    wait_time = between(0.1, 0.4)
    corpus = CORPUS
    category = ""

    @task
    def open_case(self) -> None:
        """One case: the answer must be a complete assessment by the right specialists."""
        drawn = DECK.draw(self.category, self.environment.parsed_options.case_order)
        if drawn is None:
            raise StopUser
        case_id, case = drawn
        self.client.post(
            "/api/cases",
            name="/api/cases",
            json={"case_id": case_id, **case.request},
            category=self.category,
            case_id=case_id,
            check=lambda response: check_assessment(response, case),
        )


def check_assessment(response: Any, case: Case) -> Answer:
    """Read an assessment: what it cost, and the first thing that is wrong with it, if any."""
    try:
        assessment = response.json()
        usage = assessment["usage"]
        answer = Answer(
            reason=_fault(assessment, case),
            degraded=assessment["status"] == "degraded",
            input_tokens=usage["input_tokens"],
            output_tokens=usage["output_tokens"],
            llm_calls=usage["llm_calls"],
            retries=usage["retries"],
            cost_usd=usage["cost_usd"],
        )
    except (ValueError, KeyError, TypeError):
        return Answer(reason="not an assessment")
    return answer


def _fault(assessment: dict[str, Any], case: Case) -> str | None:
    consulted = {entry["specialist"] for entry in assessment["specialists"]}
    if assessment["complexity"] != case.category:
        return "wrong complexity"
    if not consulted >= set(case.fields["required_specialists"]):
        return "required specialist missing"
    if not assessment["synthesis"].strip():
        return "empty synthesis"
    return None
