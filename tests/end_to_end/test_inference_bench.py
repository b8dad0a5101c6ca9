"""The bench of single model calls: its plan and caps by themselves, and whole runs on the simulator.

Oracles: the options, by which the calls can be counted; the simulator's own counter; and that no two
calls may overlap.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from locustfiles._inference import (
    WAYS,
    Budget,
    Caps,
    Model,
    Plan,
    fault_of,
    load_models,
    make_plan,
)
from tests.support.processes import ROOT, free_port, get, running

MODELS = load_models(ROOT / "locustfiles" / "data" / "models.toml")
SMALL, LARGE = "openai/gpt-oss-20b", "openai/gpt-oss-120b"
OPTIONS = {
    "models": f"{SMALL},{LARGE}",
    "ways": "sdk,wire",
    "calls": 3,
    "warm_up_calls": 1,
    "max_tokens": 256,
    "max_calls": 30,
    "max_calls_per_min": 20.0,
    "max_cost_usd": 0.02,
}

# --- the plan -------------------------------------------------------------------------------


def test_every_round_calls_every_model_in_every_way_once_in_an_order_of_its_own() -> None:
    plan = make_plan(OPTIONS | {"calls": 20}, MODELS, live=False)
    calls = list(plan.in_order(7))
    rounds = [calls[start : start + 4] for start in range(0, len(calls), 4)]
    assert [{call.number for call in each} for each in rounds] == [{None}, *({n} for n in range(1, 21))]
    assert all(len({(call.model.name, call.way) for call in each}) == 4 for each in rounds)
    assert len({tuple((call.model.name, call.way) for call in each) for each in rounds}) > 5
    assert calls == list(plan.in_order(7))
    assert calls != list(plan.in_order(8))
    assert len(calls) == plan.total == 4 * 21


def test_the_prompt_is_what_was_asked_for() -> None:
    body = make_plan(OPTIONS, MODELS, live=False).body(MODELS[SMALL], stream=True)
    (message,) = body["messages"]
    for words in ("cardiologist", "Task:", "roponin 0.5", "BNP 450", "normal sinus", "JSON"):
        assert words in message["content"]
    assert (body["max_tokens"], body["stream"], body["reasoning_effort"]) == (256, True, "low")


@pytest.mark.parametrize(
    ("change", "live", "message"),
    [
        pytest.param({"ways": "sdk,smoke"}, False, "'smoke' is none of sdk, wire", id="way"),
        pytest.param({"models": " , "}, False, "must each name at least one", id="no model"),
        pytest.param({"calls": 0}, False, "--calls must be at least 1", id="no calls"),
        pytest.param({"warm_up_calls": -1}, False, "--warm-up-calls must be at least 0", id="warm-up"),
        pytest.param(
            {"models": "llama3-70b-8192"}, True, f"retired at Groq; use {LARGE}", id="retired, with its heir"
        ),
        pytest.param({"models": "qwen/qwen3.8-27b"}, True, "has no price", id="cost cannot be capped"),
        pytest.param({"calls": 7}, True, "32 calls are planned and --max-calls allows 30", id="too many"),
        pytest.param({"max_cost_usd": 0.0}, True, "must be above 0", id="no money"),
    ],
)
def test_plans_that_are_refused(change: dict[str, Any], live: bool, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        make_plan(OPTIONS | change, MODELS, live=live)
    assert "\n" not in str(caught.value)


def test_the_simulator_serves_retired_models_and_unknown_ones_without_caps() -> None:
    plan = make_plan(OPTIONS | {"models": "llama3-8b-8192,other", "calls": 1000}, MODELS, live=False)
    assert plan.caps is None
    assert [model.role for model in plan.models] == ["small", "other"]


def test_a_budget_counts_an_unknown_cost_as_the_most_it_can_be() -> None:
    # 400 tokens in and 100 out at 1000 USD per million each: 0.5 USD at most.
    model = Model("m", input_usd_per_million=1000.0, output_usd_per_million=1000.0)
    budget = Budget(Caps(calls=10, calls_per_min=60, cost_usd=1.2), max_tokens=100)
    assert budget.refusal(model) is None
    budget.note_sent(model, now_s=0.0)
    budget.note_cost(model.cost_usd(100, 100), model)
    assert budget.spent_usd == pytest.approx(0.2)
    budget.note_sent(model, now_s=5.0)
    assert budget.spent_usd == pytest.approx(0.7)  # it failed: nobody knows what it cost
    assert budget.refusal(model) is None
    budget.note_sent(model, now_s=6.0)
    assert budget.refusal(model) == "the next call could take the cost beyond the cap of 1.2 USD"
    assert budget.wait_s(6.0) == pytest.approx(1.0)
    assert budget.wait_s(8.0) == 0.0


def test_a_budget_ends_at_its_calls() -> None:
    budget = Budget(Caps(calls=1, calls_per_min=60, cost_usd=1.0), max_tokens=10)
    budget.note_sent(MODELS[SMALL], 0.0)
    assert budget.refusal(MODELS[SMALL]) == "the cap of 1 calls is reached"


@pytest.mark.parametrize(
    ("content", "finish_reason", "fault"),
    [
        ('{"findings": [], "urgency": "low", "recommendations": []}', "stop", None),
        ('{"findings": [], "urgency"', "length", "cut off at max_tokens"),
        ("", "stop", "empty answer"),
        (None, None, "empty answer"),
        ("Urgent.", "stop", "not JSON"),
        ("[]", "stop", "not a JSON object"),
        ('{"urgency": "low"}', "stop", "field missing"),
    ],
)
def test_what_is_wrong_with_an_answer(
    content: str | None, finish_reason: str | None, fault: str | None
) -> None:
    assert fault_of(content, finish_reason) == fault


def test_prices_are_those_of_the_target() -> None:
    import tomllib

    prices = tomllib.loads((ROOT / "target_app" / "prices.toml").read_text())["models"]
    for name, price in prices.items():
        assert MODELS[name].input_usd_per_million == price["input_usd_per_million"]
        assert MODELS[name].output_usd_per_million == price["output_usd_per_million"]


def test_a_plan_has_every_way() -> None:
    assert make_plan(OPTIONS | {"ways": ",".join(WAYS)}, MODELS, live=False).ways == WAYS
    assert Plan((MODELS[SMALL],), ("sdk",), 1, 0, 1).total == 1


# --- whole runs -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = ["-m", "target_app.inference", "--port", str(port), "--speed-factor", "0.3"]
    with running(command, f"{url}/healthz"):
        yield url


CONFIG = """
[scenarios.bench]
locustfiles = ["inference.py"]

[scenarios.bench.derived.sdk_adds]
title = "What the SDK adds"
of = { name = "sdk" }
to = { name = "wire" }
difference = true
"""


def bench(
    tmp_path: Path, *options: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`locust -f locustfiles/inference.py` with these options, to its own end."""
    config = tmp_path / "harness.toml"
    config.write_text(CONFIG)
    command = [sys.executable, "-m", "locust", "-f", "locustfiles/inference.py", "--headless"]
    variables = {
        name: value for name, value in os.environ.items() if name not in {"PROVIDER", "GROQ_API_KEY"}
    }
    return subprocess.run(
        [
            *command,
            "--scenario",
            "bench",
            "--config-file",
            str(config),
            "--runs-dir",
            str(tmp_path),
            *options,
        ],
        cwd=ROOT,
        env=variables | (env or {}),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def run_of(tmp_path: Path) -> tuple[pd.DataFrame, dict[str, Any], dict[str, Any]]:
    """Requests, summary and manifest of the one run."""
    (folder,) = tmp_path.glob("*-bench-*")
    documents = [json.loads((folder / name).read_text()) for name in ("summary.json", "manifest.json")]
    return pd.read_parquet(folder / "requests.parquet"), documents[0], documents[1]


def served(simulator: str) -> float:
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in get(f"{simulator}/metrics").splitlines()
        if line.startswith("inference_requests_total{")
    )


@pytest.mark.parametrize("processes", [0, 2])
def test_a_fixed_number_of_calls_one_at_a_time(simulator: str, tmp_path: Path, processes: int) -> None:
    before = served(simulator)
    port = str(free_port())
    workers = ["--processes", str(processes), "--master-bind-port", port, "--master-port", port]
    done = bench(
        tmp_path, "--host", simulator, "--models", f"{SMALL},{LARGE}", "--ways", ",".join(WAYS),
        "--calls", "10", "--warm-up-calls", "2", *(workers if processes else []),
    )  # fmt: skip
    assert done.returncode in {0, 4}, done.stdout + done.stderr  # 4: the machine was busy

    requests, summary, manifest = run_of(tmp_path)
    assert Counter(zip(requests["model"], requests["name"], strict=True)) == {
        (model, way): 10 for model in (SMALL, LARGE) for way in WAYS
    }
    assert served(simulator) - before == 8 * (10 + 2)
    assert set(requests["outcome"]) == {"ok"}
    assert dict(zip(requests["model"], requests["category"], strict=True)) == {SMALL: "small", LARGE: "large"}
    ordered = requests.sort_values("sent_at")
    assert (ordered["sent_at"].iloc[1:].to_numpy() >= ordered["done_at"].iloc[:-1].to_numpy()).all()
    assert (requests["cost_usd"] > 0).all()
    streamed = requests["name"].str.endswith("-stream")
    assert requests["last_token_at"].notna().equals(streamed)

    why = "the shape ended: all planned calls were made" if not processes else "the shape ended"
    assert manifest["stop_reason"].startswith(why)
    assert summary["provider"]["label"] == "SIMULATED (reference)"
    assert manifest["target"]["models"] == {SMALL: SMALL, LARGE: LARGE}
    assert "10 of 10 calls per model: " in done.stderr

    figures = {(item["model"], item["name"]): item for item in summary["models"]}
    assert {item["requests"] for item in figures.values()} == {10}
    assert len(figures) == 8
    (added,) = summary["derived"]
    of_name = requests.assign(ms=(requests["done_at"] - requests["sent_at"]).dt.total_seconds() * 1000)
    means = of_name.groupby("name")["ms"].mean()
    assert added["figure"]["value"] == pytest.approx(means["sdk"] - means["wire"], abs=1e-6)


def test_a_cap_on_cost_ends_the_run_with_the_reason(simulator: str, tmp_path: Path) -> None:
    # The simulator's address with PROVIDER=live: the caps hold, nothing is spent.
    done = bench(
        tmp_path, "--host", simulator, "--models", LARGE, "--ways", "sdk", "--calls", "20",
        "--max-calls-per-min", "6000", "--max-cost-usd", "0.0005",
        env={"PROVIDER": "live", "GROQ_API_KEY": "not-a-key"},
    )  # fmt: skip
    assert done.returncode in {0, 4}, done.stdout + done.stderr
    requests, _, manifest = run_of(tmp_path)
    # A call costs at most 400 x 0.15 + 256 x 0.60 USD per million, 0.00021; and in fact a third of that.
    assert 2 <= len(requests) <= 6
    assert requests["cost_usd"].sum() < 0.0005
    assert manifest["stop_reason"] == (
        "the shape ended: the next call could take the cost beyond the cap of 0.0005 USD"
    )


@pytest.mark.parametrize(
    ("options", "env", "line"),
    [
        pytest.param(
            ["--host", "https://api.groq.com"], {"GROQ_API_KEY": "not-a-key"},
            "https://api.groq.com is the live provider: set PROVIDER=live and GROQ_API_KEY to call it",
            id="a key alone",
        ),
        pytest.param([], {"PROVIDER": "live"}, "GROQ_API_KEY is not set", id="no key"),
        pytest.param(
            ["--models", "mixtral-8x7b-32768"], {"PROVIDER": "live", "GROQ_API_KEY": "not-a-key"},
            "mixtral-8x7b-32768 is retired at Groq; use openai/gpt-oss-120b in --models", id="retired",
        ),
    ],
)  # fmt: skip
def test_live_refusals_are_one_line(
    tmp_path: Path, options: list[str], env: dict[str, str], line: str
) -> None:
    done = bench(tmp_path, *options, env=env)
    assert done.returncode == 2
    (said,) = [text for text in done.stderr.splitlines() if text.startswith("harness: ")]
    assert line in said
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*-bench-*"))


def test_a_live_provider_is_refused_before_it_is_asked_for(tmp_path: Path) -> None:
    """Nobody listens at the host: that is not what is wrong with a run that may not be live."""
    host = f"http://groq.com.localhost:{free_port()}"
    harness = str(Path(sys.executable).with_name("harness"))
    done = subprocess.run(
        [harness, "run", "inference_live", "--host", host, "--runs-dir", str(tmp_path)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in {"PROVIDER", "GROQ_API_KEY"}},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    (said,) = [text for text in done.stderr.splitlines() if text.startswith("harness: ")]
    assert said.endswith(f"{host} is the live provider: set PROVIDER=live and GROQ_API_KEY to call it")


@pytest.mark.parametrize(
    ("locustfile", "package"),
    [("inference.py", "groq"), ("inference.py", "aiohttp"), ("agents.py", "agno"), ("agents.py", "orjson")],
)
def test_without_the_extra_one_line_names_it(tmp_path: Path, locustfile: str, package: str) -> None:
    """An import of a module that is None in `sys.modules` fails as that of one which is not installed."""
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules[{package!r}] = None\n")
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", f"locustfiles/{locustfile}", "--headless", "-t", "1s"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr == (
        f"harness: {locustfile} needs {package}, which is not installed: "
        "pip install 'agent-load-harness[target]'\n"
    )
