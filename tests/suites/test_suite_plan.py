"""Capacity planning, against arithmetic one can follow."""

from pathlib import Path

import pytest

from harness.errors import UserError
from harness.stats import Estimate
from harness.suites import (
    Carried,
    PerCase,
    ProviderLimits,
    plan_capacity,
    plan_table,
    read_limits,
)

CARRIED = Carried("run", Estimate(25.0, 24.0, 26.0, 700, "count / time", "req/s"), 1, True, "at 20 users")
CASE = PerCase(calls=5, input_tokens=1500, output_tokens=500, cost_usd=0.001)
SHARES = {"large": 0.4, "small": 0.6}
LIMITS = ProviderLimits.model_validate(
    {
        "provider": "Groq",
        "source": "https://example.org/limits",
        "seen": "2026-10",
        "limits": [
            {"tier": "free", "model": "large", "rpm": 30, "tpm": 8000, "tpd": 200_000},
            {"tier": "free", "model": "small", "rpm": 30, "tpm": 8000, "tpd": 200_000},
            {"tier": "developer", "model": "large", "rpm": 1000, "tpm": 250_000},
            {"tier": "developer", "model": "small", "rpm": 1000, "tpm": 250_000},
            {"tier": "own", "model": "large", "rpm": 1_000_000, "tpm": 1_000_000_000},
        ],
    }
)


def test_processes_are_planned_with_the_low_end_and_headroom() -> None:
    """24 cases/s at least, planned to 80 %: 40 / 19.2 = 2.08, so 3; with 26 it would be 1.92, so 2."""
    plan = plan_capacity(40, CARRIED, CASE, SHARES, LIMITS)
    assert (plan.processes.low, plan.processes.value, plan.processes.high) == (2, 3, 3)
    assert plan.per_process.value == 25.0


def test_a_run_of_several_processes_is_shared_out() -> None:
    two = Carried("run", CARRIED.cases_per_s, 2, True, "")
    assert plan_capacity(24, two, CASE, SHARES, LIMITS, headroom=1.0).processes.value == 2
    assert plan_capacity(24.1, two, CASE, SHARES, LIMITS, headroom=1.0).processes.value == 3


def test_a_tier_is_limited_by_what_comes_first() -> None:
    """small: 1,200 tokens and 3 calls a case. 250,000 / 1,200 / 60 = 3.47 cases/s, 1,000 / 3 / 60 = 5.6."""
    tiers = {tier.tier: tier for tier in plan_capacity(40, CARRIED, CASE, SHARES, LIMITS).tiers}
    developer = tiers["developer"]
    assert developer.sustained_per_s == pytest.approx(3.472, abs=0.001)
    assert developer.sustained_binding == "250,000 tokens a minute of small"
    assert developer.burst_per_s == developer.sustained_per_s
    assert developer.carries(3.0) is True
    assert developer.carries(40) is False


def test_limits_a_day_hold_for_a_day_and_not_for_a_minute() -> None:
    """small: 8,000 / 1,200 / 60 = 0.111 for a minute, 200,000 / 1,200 / 86,400 = 0.00193 all day."""
    free = plan_capacity(40, CARRIED, CASE, SHARES, LIMITS).tiers[0]
    assert free.burst_per_s == pytest.approx(0.1111, abs=1e-4)
    assert free.sustained_per_s == pytest.approx(0.00193, abs=1e-5)
    assert free.sustained_binding == "200,000 tokens a day of small"


def test_a_model_without_published_limits_leaves_it_open() -> None:
    own = plan_capacity(40, CARRIED, CASE, SHARES, LIMITS).tiers[2]
    assert own.unknown_models == ("small",)
    assert own.carries(40) is None


SENTENCES = [
    (
        "the provider is the limit",
        40,
        SHARES,
        (
            "at 40 cases/s you need 3 target processes, and Groq's tier 'developer' is the limit at "
            "3.47 cases/s (250,000 tokens a minute of small)"
        ),
    ),
    (
        "the provider carries it",
        2,
        SHARES,
        (
            "at 2 cases/s you need 1 target process, and Groq's tier 'developer' carries it "
            "(its limit is 3.47 cases/s)"
        ),
    ),
    (
        "nothing is published",
        2,
        {"else": 1.0},
        "at 2 cases/s you need 1 target process; Groq's limits for these models are not published",
    ),
]


@pytest.mark.parametrize(
    ("rate", "shares", "sentence"), [row[1:] for row in SENTENCES], ids=[row[0] for row in SENTENCES]
)
def test_the_sentence(rate: float, shares: dict[str, float], sentence: str) -> None:
    limits = LIMITS.model_copy(update={"limits": LIMITS.limits[:4]})
    assert plan_capacity(rate, CARRIED, CASE, shares, limits).sentence == sentence


def test_a_run_that_tells_no_calls_says_nothing_of_the_provider() -> None:
    plan = plan_capacity(2, CARRIED, PerCase(0, 0, 0, 0), SHARES, LIMITS)
    assert plan.sentence.endswith("tells of no model calls, so nothing is said of Groq")


def test_cost_is_of_an_hour() -> None:
    assert plan_capacity(40, CARRIED, CASE, SHARES, LIMITS).cost_per_hour_usd == pytest.approx(144.0)


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_is_above_nothing(rate: float) -> None:
    with pytest.raises(ValueError, match="a rate of cases is above 0"):
        plan_capacity(rate, CARRIED, CASE, SHARES, LIMITS)


def test_the_table_names_each_tier() -> None:
    table = plan_table(plan_capacity(40, CARRIED, CASE, SHARES, LIMITS))
    rows = {row[0]: row[1] for row in table.rows}
    assert rows["processes needed"] == "3 processes [2, 3]"
    assert rows["Groq, tier developer"] == "3.47 cases/s"
    assert rows["cost at the listed prices"] == "144.00 USD an hour"
    assert any("https://example.org/limits, seen 2026-10" in note for note in table.notes)


def test_published_limits_come_with_their_source() -> None:
    limits = read_limits()
    assert limits.provider == "Groq"
    assert limits.source.startswith("https://")
    assert limits.tiers == ("free", "developer")
    assert {limit.model for limit in limits.limits if limit.tier == "developer"} == {
        "openai/gpt-oss-120b",
        "openai/gpt-oss-20b",
    }


BROKEN = [
    ("no TOML", "limits = [", "TOML syntax"),
    (
        "a limit of nothing",
        "provider='g'\nsource='s'\nseen='x'\n[[limits]]\ntier='f'\nmodel='m'\nrpm=0",
        "rpm",
    ),
    ("a key that is not known", "provider='g'\nsource='s'\nseen='x'\nlimits=[]\nrate=1", "rate"),
]


@pytest.mark.parametrize(("text", "problem"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_file_of_limits_that_cannot_be_used(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=problem):
        read_limits(path)
    with pytest.raises(UserError, match="cannot be read as provider limits"):
        read_limits(tmp_path / "missing.toml")
