"""Profiles: what is shipped loads; every mistake is one line that names the place."""

import pathlib
from typing import Any

import pytest

import target_app.inference
from target_app.inference import ProfileError, load_profile, parse_profile

MODEL: dict[str, Any] = {
    "owned_by": "Test",
    "context_window_tokens": 8192,
    "queue_median_ms": 1.0,
    "queue_p95_ms": 2.0,
    "network_ms": 0,
    "prefill_tokens_per_s": 1000,
    "decode_tokens_per_s": 100.5,
    "jitter": 0.0,
    "decode_slots": 1,
}


def test_public_surface() -> None:
    assert target_app.inference.__all__ == [
        "FaultError",
        "InferenceApp",
        "LimitsError",
        "ModelProfile",
        "Profile",
        "ProfileError",
        "load_profile",
        "parse_profile",
        "server_config",
    ]


@pytest.mark.parametrize("name", ["reference", "groq-2026"])
def test_shipped_profiles_serve_current_and_original_models(name: str) -> None:
    assert list(load_profile(name).models) == [
        "openai/gpt-oss-120b",
        "openai/gpt-oss-20b",
        "qwen/qwen3.8-27b",
        "llama-3.3-70b-versatile",
        "llama-3.1-8b-instant",
        "llama3-8b-8192",
        "llama3-70b-8192",
        "mixtral-8x7b-32768",
    ]


def test_a_minimal_profile_loads() -> None:
    profile = parse_profile("mine", {"models": {"m": MODEL}})
    assert profile.name == "mine"
    assert profile.models["m"].decode_tokens_per_s == 100.5
    assert not profile.models["m"].reasons


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decode_slot": 3}, "unknown key 'decode_slot'; did you mean decode_slots?"),
        ({"decode_slots": 0}, "decode_slots has to be above 0"),
        ({"decode_slots": 1.5}, "decode_slots has to be a whole number"),
        ({"decode_slots": True}, "decode_slots has to be a whole number"),
        ({"jitter": 0.9}, "jitter has to be at most 0.3"),
        ({"jitter": -0.1}, "jitter has to be 0 or more"),
        ({"queue_median_ms": "3"}, "queue_median_ms has to be a number"),
        ({"queue_p95_ms": 0.5}, "queue_p95_ms is below queue_median_ms"),
        ({"decode_tokens_per_s": float("nan")}, "decode_tokens_per_s has to be above 0"),
        ({"owned_by": 3}, "owned_by has to be a text"),
        ({"reasoning_tokens": {"low": 1}}, "reasoning_tokens needs exactly low, medium, high"),
        ({"reasoning_tokens": {"low": 1, "medium": 2, "high": -1}}, "reasoning_tokens.high"),
    ],
)
def test_mistakes_in_a_model(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile("mine", {"models": {"m": {**MODEL, **change}}})
    assert str(caught.value).startswith('profile mine: models."m": ')
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", MODEL)
def test_missing_keys(missing: str) -> None:
    entry = {key: value for key, value in MODEL.items() if key != missing}
    with pytest.raises(ProfileError, match=f"{missing} is missing"):
        parse_profile("mine", {"models": {"m": entry}})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "no models"),
        ({"models": []}, "no models"),
        ({"models": {"m": 3}}, "has to be a table"),
        ({"models": {"m": MODEL}, "speed": 1}, "unknown key 'speed'"),
    ],
)
def test_mistakes_in_a_profile(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        parse_profile("mine", table)


def test_names_and_files(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ProfileError, match="did you mean reference"):
        load_profile("referense")
    with pytest.raises(ProfileError, match="cannot read profile"):
        load_profile(str(tmp_path / "none.toml"))
    broken = tmp_path / "broken.toml"
    broken.write_text("models = [", "utf-8")
    with pytest.raises(ProfileError, match="not valid TOML"):
        load_profile(str(broken))
