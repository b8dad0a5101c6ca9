"""summary.json: valid under its published schema, finite, and the same figures as the summary."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from harness.reports import summary_document, write_reports
from harness.stats import Estimate
from tests.reports.all_samples import NAMES

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "summary.schema.json").read_text(encoding="utf-8"))


def document(sample: Any) -> dict[str, Any]:
    return summary_document(sample.summary, sample.judgement, sample.manifest)


def test_the_schema_is_itself_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", NAMES)
def test_document_follows_the_published_schema(samples: dict[str, Any], name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(document(samples[name]))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("verdicts", "exit_code"), 9, id="an exit code that does not exist"),
        pytest.param(("simple_case", "n"), -1, id="a negative sample size"),
        pytest.param(("groups", "all", "error_rate"), 0.5, id="a bare number instead of a figure"),
        pytest.param(("run", "extra"), "x", id="an unknown key"),
    ],
)
def test_schema_refuses(samples: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    broken = document(samples["full"])
    *parents, last = path
    place = broken
    for key in parents:
        place = place[key]
    place[last] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(broken)


def test_top_level_figures_are_those_that_the_rules_were_judged_on(samples: dict[str, Any]) -> None:
    found = document(samples["full"])
    rules = {rule["name"]: rule["measured"] for rule in found["verdicts"]["criteria"]}
    assert found["simple_case"] == rules["simple_p95"]
    assert found["complex_case"] == rules["complex_p95"]
    assert found["throughput"] == rules["throughput"]
    assert found["throughput"] != found["groups"]["all"]["throughput"]


def test_top_level_figures_without_rules_are_p95_and_the_windows_throughput(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    found = document(sample._replace(judgement=replace(sample.judgement, criteria=[])))
    groups = found["groups"]
    assert found["simple_case"] == groups["by_category"]["simple"]["response_time"]["p95"]
    assert found["complex_case"] == groups["by_category"]["complex"]["response_time"]["p95"]
    assert found["throughput"] == groups["all"]["throughput"]


def test_a_mean_rule_does_not_displace_the_p95_rule_of_a_category(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    p95 = sample.judgement.criteria[0]
    mean = replace(
        p95, name="simple_mean", rule="mean(response_time){category=simple} < 500 ms", measured=None
    )
    found = document(sample._replace(judgement=replace(sample.judgement, criteria=[mean, p95])))
    assert found["simple_case"]["value"] == p95.measured.value


def test_categories_that_are_absent_are_null(samples: dict[str, Any]) -> None:
    found = document(samples["stock_csv"])
    assert found["simple_case"] is None
    assert found["complex_case"] is None
    assert found["run"]["exact"] is False


def test_what_is_not_finite_becomes_null_and_numpy_numbers_become_plain(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    odd = Estimate(math.nan, -math.inf, np.float64(3.5), int(np.int64(7)), "m", "ms")
    overall = replace(sample.summary.overall, error_rate=odd, requests=np.int64(5))
    found = document(sample._replace(summary=replace(sample.summary, overall=overall)))
    rate = found["groups"]["all"]["error_rate"]
    assert (rate["value"], rate["low"], rate["high"]) == (None, None, 3.5)
    text = json.dumps(found, allow_nan=False)
    assert "NaN" not in text
    assert "Infinity" not in text
    jsonschema.Draft202012Validator(SCHEMA).validate(found)


def test_write_reports_writes_its_files_whole(samples: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    written = write_reports(out, *samples["full"])
    assert list(written) == ["summary.json", "report.html", "report.md", "junit.xml"]
    assert sorted(path.name for path in out.iterdir()) == [
        "junit.xml",
        "report.html",
        "report.md",
        "summary.json",
    ]
    assert json.loads(written["summary.json"].read_text(encoding="utf-8")) == document(samples["full"])


def test_summary_json_is_kept_where_a_presentation_cannot_be_written(
    samples: dict[str, Any], tmp_path: Path
) -> None:
    write_reports(tmp_path, *samples["passing"])
    before = (tmp_path / "report.md").read_bytes()
    (tmp_path / "report.html").unlink()
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match=r"report\.html"):
        write_reports(tmp_path, *samples["full"])
    assert json.loads((tmp_path / "summary.json").read_text(encoding="utf-8")) == document(samples["full"])
    assert (tmp_path / "report.md").read_bytes() == before


def test_a_command_line_that_is_not_utf_8_does_not_cost_the_report(
    samples: dict[str, Any], tmp_path: Path
) -> None:
    sample = samples["full"]
    manifest = sample.manifest.model_copy(update={"command": ["locust", "--host", "caf\udce9"]})
    write_reports(tmp_path, *sample._replace(manifest=manifest))
    assert "caf?" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_stock_csvs_tell_neither_mode_nor_workers_nor_seed(samples: dict[str, Any]) -> None:
    sample = samples["stock_csv"]
    run = summary_document(sample.summary, sample.judgement, sample.manifest)["run"]
    assert (run["mode"], run["workers"], run["seed"]) == (None, None, None)
