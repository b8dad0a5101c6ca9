"""Dashboards and rules as files. That their queries are answered is test_metrics_prometheus.py's to say."""

import collections
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.grafana.build import main as build
from harness.monitoring import LoadCounts, LoadNow, exposition
from target_app.inference._metrics import Metrics as InferenceMetrics
from target_app.metrics import Metrics as TargetMetrics
from tests.monitoring.test_metrics_counts import run_now
from tests.support.processes import ROOT
from tests.support.real_prometheus import sides

GRAFANA = ROOT / "deploy" / "grafana"
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
UNITS = {"none", "s", "reqps", "percentunit", "bytes", "currencyUSD"}
KINDS = {"timeseries", "stat", "heatmap", "state-timeline"}
_STRINGS = re.compile(r'"[^"]*"')
_METRIC = re.compile(r"\b(?:harness|target|inference|process)_[a-z_]+\b")


def _load(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def _known() -> set[str]:
    """Every series name that master, service and simulator can export."""
    ours = exposition(LoadNow(0, LoadCounts().now(), run_now()))
    texts = [
        ours,
        TargetMetrics().exposition(),
        InferenceMetrics({}).render(),
    ]
    found: set[str] = set()
    for kind in re.finditer(rb"^# TYPE (\S+) (\S+)", b"\n".join(texts), re.MULTILINE):
        name = kind[1].decode()
        found |= (
            {f"{name}{end}" for end in ("_bucket", "_sum", "_count")} if kind[2] == b"histogram" else {name}
        )
    return found


def _names_in(expr: str) -> set[str]:
    return set(_METRIC.findall(_STRINGS.sub("", expr)))


def test_the_files_are_what_the_code_makes() -> None:
    """`python -m deploy.grafana.build` renews them."""
    assert build(["--check"]) == 0
    assert [path.stem for path in DASHBOARDS] == [
        "harness-components",
        "harness-generator",
        "harness-load",
        "harness-provider",
    ]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_well_formed(path: Path) -> None:
    document = json.loads(path.read_text())
    source = _load(GRAFANA / "provisioning" / "datasources" / "prometheus.yml")["datasources"][0]
    wanted = {"type": source["type"], "uid": source["uid"]}
    assert document["uid"] == path.stem
    assert "__inputs" not in document
    assert len({panel["id"] for panel in document["panels"]}) == len(document["panels"])
    taken: collections.Counter[tuple[int, int]] = collections.Counter()
    for panel in document["panels"]:
        assert panel["type"] in KINDS
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert [target["datasource"] for target in panel["targets"]] == [wanted] * len(panel["targets"])
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        taken.update(
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        )
    assert set(taken.values()) == {1}, "panels lie on each other"
    assert {entry["name"] for entry in document["annotations"]["list"]} == {"Phases", "Alerts"}
    defined = {f"${variable['name']}" for variable in document["templating"]["list"]} | {"$__rate_interval"}
    used = set(re.findall(r"\$\w+", " ".join(t["expr"] for p in document["panels"] for t in p["targets"])))
    assert used <= defined


def test_every_series_is_one_that_is_exported() -> None:
    expressions = [
        target["expr"]
        for path in DASHBOARDS
        for panel in json.loads(path.read_text())["panels"]
        for target in panel["targets"]
    ]
    expressions += [rule["expr"] for group in _load(RULES)["groups"] for rule in group["rules"]]
    used = set().union(*map(_names_in, expressions))
    assert used <= _known()


def test_every_metric_is_documented() -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text()
    ours = {re.sub("_(bucket|sum|count)$", "", name) for name in _known() if name.startswith("harness_")}
    assert {name for name in ours if f"`{name}`" not in text} == set()


def test_quantiles_are_of_summed_buckets() -> None:
    for path in DASHBOARDS:
        for expr in re.findall(r"histogram_quantile\([^\"]*", path.read_text()):
            assert re.match(r"histogram_quantile\([\d.]+, sum by \((?:\w+, )?le\) \(rate\(\w+_bucket", expr)


def test_grafana_finds_what_is_provisioned() -> None:
    (provider,) = _load(GRAFANA / "provisioning" / "dashboards" / "dashboards.yml")["providers"]
    compose = _load(ROOT / "docker-compose.yml")["services"]
    mounts = dict(mount.split(":")[:2] for mount in compose["grafana"]["volumes"])
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    (job,) = [
        job
        for job in _load(ROOT / "deploy" / "prometheus" / "prometheus.yml")["scrape_configs"]
        if job["job_name"] == "harness"
    ]
    assert job["static_configs"][0]["targets"] == [
        f"master:{compose['master']['environment']['HARNESS_METRICS_PORT']}"
    ]
    assert {compose[name]["profiles"][0] for name in ("prometheus", "grafana")} == {"monitoring"}


def test_a_rule_has_two_sides_and_says_what_is_wrong() -> None:
    for rule in (rule for group in _load(RULES)["groups"] for rule in group["rules"]):
        assert all(sides(rule["expr"])), rule
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]


@pytest.mark.compose
@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool, of Prometheus, is not here")
def test_each_alert_fires_and_stays_quiet(tmp_path: Path) -> None:
    """Its own series make it fire; those of a healthy run make none fire. Prometheus' own tool evaluates."""
    cases = _load(Path(__file__).parent / "alert_cases.yml")
    names = {rule["alert"] for group in _load(RULES)["groups"] for rule in group["rules"]}
    assert set(cases["fires"]) == names
    tests = []
    for alert, case in cases["fires"].items():
        tests.append(_rule_test(case["series"], alert, case.get("labels", {}), fires=True))
    tests += [_rule_test(cases["healthy"], alert, {}, fires=False) for alert in names]
    shutil.copy(RULES, tmp_path / "rules.yml")
    stripped = _load(RULES)
    for group in stripped["groups"]:
        for rule in group["rules"]:
            rule.pop("annotations")  # the words are not the test's matter
    (tmp_path / "rules.yml").write_text(json.dumps(stripped))
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "5s", "tests": tests}
    (tmp_path / "test.yml").write_text(json.dumps(document))
    promtool = shutil.which("promtool")
    assert promtool
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _rule_test(series: dict[str, str], alert: str, labels: dict[str, str], *, fires: bool) -> dict[str, Any]:
    severity = next(
        rule["labels"]["severity"]
        for group in _load(RULES)["groups"]
        for rule in group["rules"]
        if rule["alert"] == alert
    )
    expected = [{"exp_labels": {"severity": severity, **labels}}] if fires else []
    return {
        "interval": "5s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": "2m", "alertname": alert, "exp_alerts": expected}],
    }
