"""harness.toml: what is read, and the one line that each mistake gives."""

from pathlib import Path

import pytest

from harness.config import DEFAULT_SEED, Config, load_config, parse_config, suggest
from harness.errors import ConfigError, ExitCode

GOOD = """
runs_dir = "out"

[services.inference]
port = 9101
command = ["python", "-m", "x", "--port", "{port}"]
ready_url = "http://127.0.0.1:{port}/healthz"

[services.target]
port = 8000
command = ["python", "-m", "y", "--port={port}", "--json={\\"a\\": 1}"]
env = { UPSTREAM = "http://127.0.0.1:{inference.port}" }
ready_url = "http://127.0.0.1:{port}/readyz"
after = ["inference"]

[criteria]
error_rate = "error_rate < 1 %"
throughput = "throughput > 50 req/s"

[scenarios.cases]
description = "Cases"
locustfiles = ["locustfiles/cases.py"]
shape = "shapes/steps.py"
host = "http://127.0.0.1:{target.port}"
workers = 2
services = ["target"]
criteria = ["throughput", "error_rate"]

[scenarios.cases.load]
levels = [10, 20]
"""
SOURCE = Path("some/harness.toml")


def good() -> Config:
    return parse_config(GOOD, SOURCE)


def test_a_scenario_has_what_the_file_says_and_defaults_for_the_rest() -> None:
    cases = good().scenario("cases")
    assert cases.locustfiles == ("locustfiles/cases.py",)
    assert (cases.workers, cases.load) == (2, {"levels": [10, 20]})
    assert (cases.warm_up_s, cases.settle_s, cases.seed) == (5.0, None, DEFAULT_SEED)


def test_criteria_come_in_the_scenarios_order() -> None:
    assert list(good().criteria_of("cases").items()) == [
        ("throughput", "throughput > 50 req/s"),
        ("error_rate", "error_rate < 1 %"),
    ]


def test_paths_are_relative_to_the_file() -> None:
    assert good().path("locustfiles/cases.py") == Path("some/locustfiles/cases.py")


def test_runs_dir_option_wins_over_variable_over_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_RUNS_DIR", raising=False)
    assert good().runs_path() == Path("some/out")
    monkeypatch.setenv("HARNESS_RUNS_DIR", "/var/runs")
    assert good().runs_path() == Path("/var/runs")
    assert good().runs_path("mine") == Path("mine")


@pytest.mark.parametrize(
    ("text", "service", "ports", "expected"),
    [
        ("--port={port}", "target", {}, "--port=8000"),
        ("{port}", "target", {"target": 4711}, "4711"),
        ("http://h:{inference.port}/{port}", "target", {"inference": 1}, "http://h:1/8000"),
        ('{"port": {port}, "a": {}}', "target", {}, '{"port": 8000, "a": {}}'),
        ("no placeholder", None, {}, "no placeholder"),
    ],
)
def test_expand(text: str, service: str | None, ports: dict[str, int], expected: str) -> None:
    assert good().expand(text, service, ports) == expected


def test_services_start_after_what_they_need() -> None:
    assert good().start_order(["target"]) == ["inference", "target"]
    assert good().start_order(["inference"]) == ["inference"]
    assert good().start_order([]) == []


def test_it_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        good().scenario("cases").workers = 3


MISTAKES = [
    ("top-level key", "runs_dir =", "runs_dri =", "runs_dri: unknown key; did you mean 'runs_dir'?"),
    (
        "a table's key",
        "workers = 2",
        "wrokers = 2",
        "scenarios.cases.wrokers: unknown key; did you mean 'workers'?",
    ),
    (
        "a service's key",
        "ready_url",
        "ready",
        "services.inference.ready: unknown key; did you mean 'ready_url'?",
    ),
    (
        "word for a number",
        "workers = 2",
        'workers = "2"',
        "scenarios.cases.workers: input should be a valid integer",
    ),
    (
        "true for a number",
        "workers = 2",
        "workers = true",
        "scenarios.cases.workers: input should be a valid integer",
    ),
    (
        "negative",
        "workers = 2",
        "workers = -1",
        "workers: input should be greater than or equal to 0, not -1",
    ),
    (
        "endless",
        "workers = 2",
        "warm_up_s = inf",
        "scenarios.cases.warm_up_s: input should be a finite number",
    ),
    (
        "port",
        "port = 8000",
        "port = 80000",
        "services.target.port: input should be less than or equal to 65535",
    ),
    (
        "text for a list",
        '["python", "-m", "x", "--port", "{port}"]',
        '"python"',
        "services.inference.command: input",
    ),
    ("empty list", '["locustfiles/cases.py"]', "[]", "scenarios.cases.locustfiles: "),
    (
        "number for a rule",
        '"error_rate < 1 %"',
        "1",
        "criteria.error_rate: input should be a valid string, not 1",
    ),
    (
        "bare host",
        "http://127.0.0.1:{target.port}",
        "127.0.0.1",
        "scenarios.cases.host: should start with http://",
    ),
    ("missing key", 'locustfiles = ["locustfiles/cases.py"]', "", "scenarios.cases.locustfiles: missing"),
    (
        "name with a slash",
        "[scenarios.cases]",
        '[scenarios."a/b"]',
        "scenarios.a/b: a name here is made of a-z",
    ),
    (
        "criterion",
        '["throughput", ',
        '["throughputs", ',
        "'throughputs' is not defined; did you mean 'throughput'?",
    ),
    ("service", 'services = ["target"]', 'services = ["x"]', "'x' is not defined; known: inference, target"),
    ("needed service", '["inference"]', '["inferense"]', "services.target.after: 'inferense' is not defined"),
    ("placeholder", "{inference.port}", "{infer.port}", "services.target: 'infer' is not defined"),
    (
        "port of nobody",
        "{target.port}",
        "{port}",
        "scenarios.cases.host: write {SERVICE.port} instead of {port}",
    ),
    ("no port", "port = 8000\n", "", "services.target: {port} needs services.target.port"),
    ("circle", "port = 9101", 'port = 9101\nafter = ["target"]', "services wait for each other by `after`: "),
    (
        "a link to traces without the id",
        "[criteria]",
        '[monitoring]\ntrace_url = "http://jaeger/trace/"\n\n[criteria]',
        "monitoring.trace_url: should hold {trace_id}",
    ),
    (
        "a key of the monitoring table",
        "[criteria]",
        '[monitoring]\ntrace = "x"\n\n[criteria]',
        "monitoring.trace: unknown key; did you mean 'trace_url'?",
    ),
    ("reserved", "runs_dir =", "source =", "source: unknown key"),
    ("syntax", "workers = 2", "workers = = 2", "TOML syntax: "),
    ("twice", "workers = 2", "workers = 2\nworkers = 3", "TOML syntax: "),
]


@pytest.mark.parametrize(
    ("old", "new", "says"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_one_line_with_file_and_place(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        parse_config(GOOD.replace(old, new), SOURCE)
    message = str(caught.value)
    assert message.startswith("some/harness.toml: ")
    assert says in message
    assert "\n" not in message
    assert len(message) < 250
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_syntax_error_gives_its_line() -> None:
    with pytest.raises(ConfigError, match="line 3"):
        parse_config("\n\nworkers = = 2\n", SOURCE)


def test_more_mistakes_are_counted() -> None:
    with pytest.raises(ConfigError, match=r"a: unknown key.*\(and 1 more\)"):
        parse_config("a = 1\nb = 2\n", SOURCE)


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("csaes", ["cases", "demo"], "did you mean 'cases'?"),
        ("zzz", ["b", "a"], "known: a, b"),
        ("zzz", [], "none is defined"),
    ],
)
def test_suggest(word: str, known: list[str], expected: str) -> None:
    assert suggest(word, known) == expected


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no scenario 'case' in some/harness\.toml; did you mean 'cases'"):
        good().scenario("case")
    with pytest.raises(ConfigError, match="no service 'targt'"):
        good().service("targt")


def test_which_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    assert load_config() == Config(), "no file at all is an empty configuration"
    for name in ("harness.toml", "variable.toml", "option.toml"):
        (tmp_path / name).write_text(f'runs_dir = "{name}"\n')
    assert load_config().runs_dir == "harness.toml"
    monkeypatch.setenv("HARNESS_CONFIG", "variable.toml")
    assert load_config().runs_dir == "variable.toml"
    assert load_config("option.toml").runs_dir == "option.toml"


@pytest.mark.parametrize(
    ("content", "says"), [(None, "No such file"), (b"\xff\xfe", "not UTF-8 text")], ids=["missing", "binary"]
)
def test_a_file_that_was_named_has_to_be_readable(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "h.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        load_config(path)


def test_the_projects_own_file_is_good() -> None:
    root = Path(__file__).parents[2]
    config = load_config(root / "harness.toml")
    assert {"cases", "demo"} <= set(config.scenarios)
    for scenario in config.scenarios.values():
        for file in [*scenario.locustfiles, *([scenario.shape] if scenario.shape else [])]:
            assert config.path(file).is_file(), file


METRICS = """
[services.model]
command = ["x"]
port = 9101
ready_url = "http://127.0.0.1:{port}/healthz"
metrics_url = "http://127.0.0.1:{port}/metrics"
[services.app]
command = ["x"]
port = 8000
ready_url = "http://127.0.0.1:{port}/readyz"
after = ["model"]
[services.other]
command = ["x"]
port = 7000
ready_url = "http://127.0.0.1:{port}/"
metrics_url = "http://127.0.0.1:{port}/prometheus"
"""


@pytest.mark.parametrize(
    ("host", "ports", "urls"),
    [
        pytest.param(
            "http://127.0.0.1:8000",
            {},
            {"app": "http://127.0.0.1:8000/metrics", "model": "http://127.0.0.1:9101/metrics"},
            id="the service and what it needs",
        ),
        pytest.param(
            "http://127.0.0.1:7000",
            {},
            {"other": "http://127.0.0.1:7000/prometheus"},
            id="an address of its own",
        ),
        pytest.param(
            "http://127.0.0.1:4001",
            {"app": 4001, "model": 4002},
            {"app": "http://127.0.0.1:4001/metrics", "model": "http://127.0.0.1:4002/metrics"},
            id="on free ports",
        ),
        pytest.param(
            "https://a.example",
            {},
            {"target": "https://a.example/metrics"},
            id="a service that is not in the file",
        ),
        pytest.param("", {}, {}, id="no host"),
    ],
)
def test_where_services_tell_of_themselves(host: str, ports: dict[str, int], urls: dict[str, str]) -> None:
    assert parse_config(METRICS, Path("harness.toml")).metrics_urls(host, ports) == urls


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("block_percnt = 10", "regression.block_percnt: unknown key; did you mean 'block_percent'?"),
        ("block_percent = -1", "regression.block_percent: input should be greater than or equal to 0"),
        ('scenario = "nne"', "regression.scenario: 'nne' is not defined"),
        (
            'rules = [{ metric = "cost", flor = 1 }]',
            "regression.rules.0.flor: unknown key; did you mean 'floor'?",
        ),
        ("rules = [{ floor = 1 }]", "regression.rules.0.metric: missing"),
    ],
)
def test_mistakes_in_the_regression_table(table: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(f"[regression]\n{table}\n", Path("harness.toml"))
    assert says in str(caught.value)


def test_the_general_rule_of_regressions_needs_no_table() -> None:
    found = parse_config("", Path("harness.toml")).regression
    assert (found.block_percent, found.investigate_percent, found.floor_ms) == (10, 5, 1)
    assert found.baseline == "benchmarks/baseline.json"
