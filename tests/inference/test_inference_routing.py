"""Every case of the corpus gets, from the prompt alone, what its label says."""

import json
import statistics
from typing import Any

import jsonschema
import pytest

from target_app.inference import Profile
from tests.inference.contract import LARGE, SCALE, SCHEMAS, SMALL, Course, corpus

ROWS = corpus()
COUNTS = {"simple": range(1, 3), "moderate": range(2, 4), "complex": range(3, 7)}


@pytest.fixture(params=ROWS, ids=[row["case_id"] for row in ROWS])
def row(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


def test_case_is_routed_as_labelled(row: dict[str, Any], courses: dict[str, Course]) -> None:
    course = courses[row["case_id"]]
    chosen = [item["specialist"] for item in course.triage["specialists"]]
    assert course.triage["complexity"] == row["category"]
    assert set(row["required_specialists"]) <= set(chosen)
    assert len(set(chosen)) == len(chosen)
    assert len(chosen) in COUNTS[row["category"]]
    assert course.conflict == row["conflict"], course.levels


def test_answers_satisfy_their_schemas(row: dict[str, Any], courses: dict[str, Course]) -> None:
    course = courses[row["case_id"]]
    jsonschema.validate(course.triage, SCHEMAS["triage"])
    jsonschema.validate(course.synthesis, SCHEMAS["synthesis"])
    for opinion in course.opinions.values():
        jsonschema.validate(opinion, SCHEMAS["opinion"])
    if course.debate is not None:
        jsonschema.validate(course.debate, SCHEMAS["debate"])
        assert {item["specialist"] for item in course.debate["positions"]} == set(course.opinions)
    assert {done["choices"][0]["finish_reason"] for done in course.completions} == {"stop"}


def test_conclusion_follows_from_opinions(row: dict[str, Any], courses: dict[str, Course]) -> None:
    course = courses[row["case_id"]]
    expected = course.debate["disposition"] if course.debate else SCALE[max(course.levels)]
    assert course.synthesis["disposition"] == expected
    for slug in course.opinions:
        assert slug.replace("-", " ") in course.synthesis["summary"].lower()
    # No finding may be invented: each starts with words of the prompt.
    told = json.dumps(row["request"]).lower().replace("_", " ").replace('": "', " ").replace('": ', " ")
    for finding in course.synthesis["findings"]:
        assert finding.partition(" (")[0] in told


def test_answers_hold_no_case_id(row: dict[str, Any], courses: dict[str, Course]) -> None:
    assert row["case_id"] not in json.dumps(courses[row["case_id"]].completions)


def light_load_ms(course: Course, profile: Profile) -> float:
    """Critical path of a case: the times that the simulator reports, plus each stage's network time."""

    def one(completion: dict[str, Any]) -> float:
        used = completion["usage"]
        seconds: float = used["queue_time"] + used["total_time"]
        return 1000 * seconds + profile.models[completion["model"]].network_ms

    return sum(max(map(one, stage)) for stage in course.stages)


@pytest.mark.parametrize(
    ("category", "mean_ms", "p95_ms"),
    [("simple", (260, 330), 420), ("moderate", (530, 650), 800), ("complex", (1080, 1300), 1700)],
)
def test_reference_profile_meets_its_goals(
    category: str,
    mean_ms: tuple[float, float],
    p95_ms: float,
    courses: dict[str, Course],
    reference: Profile,
) -> None:
    times = [light_load_ms(courses[row["case_id"]], reference) for row in ROWS if row["category"] == category]
    assert mean_ms[0] < statistics.mean(times) < mean_ms[1]
    assert statistics.quantiles(times, n=20)[-1] < p95_ms


def test_reference_slots_carry_sixty_cases_a_second_but_not_five_times_that(
    courses: dict[str, Course], reference: Profile
) -> None:
    """Slots in use on average = calls per second x seconds in a slot (Little's law), for a 50/30/20 % mix."""
    weights = {"simple": 0.5, "moderate": 0.3, "complex": 0.2}
    sizes = {name: sum(row["category"] == name for row in ROWS) for name in weights}
    busy = {LARGE: 0.0, SMALL: 0.0}
    for row in ROWS:
        for done in courses[row["case_id"]].completions:
            busy[done["model"]] += (
                done["usage"]["total_time"] * weights[row["category"]] / sizes[row["category"]]
            )
    share = {model: 60 * seconds / reference.models[model].decode_slots for model, seconds in busy.items()}
    assert max(share.values()) < 0.6
    assert 5 * max(share.values()) > 1
