"""The corpus as data: its schema, its balance, and that its figures could belong to a patient."""

import json
import pathlib
import re
from collections import Counter
from typing import Any

import jsonschema
import pytest

CORPUS = pathlib.Path(__file__).parents[2] / "locustfiles" / "data" / "cases.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]
IDS = [row["case_id"] for row in ROWS]
SLUGS = [
    "cardiology",
    "pulmonology",
    "neurology",
    "endocrinology",
    "nephrology",
    "gastroenterology",
    "infectious-disease",
    "haematology",
    "psychiatry",
    "emergency-medicine",
]
WORDS = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "uniqueItems": True}
VALUES = {"type": "object", "minProperties": 1, "additionalProperties": {"type": ["number", "string"]}}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["case_id", "category", "required_specialists", "conflict", "request"],
    "properties": {
        "case_id": {"type": "string", "pattern": "^[a-z]+-[0-9]{3}$"},
        "category": {"enum": ["simple", "moderate", "complex"]},
        "required_specialists": {
            "type": "array",
            "items": {"enum": SLUGS},
            "minItems": 1,
            "maxItems": 6,
            "uniqueItems": True,
        },
        "conflict": {"type": "boolean"},
        "request": {
            "type": "object",
            "additionalProperties": False,
            "required": ["chief_complaint"],
            "properties": {
                "chief_complaint": {"type": "string", "minLength": 3, "maxLength": 120},
                "duration": {"type": "string", "minLength": 1},
                "age": {"type": "integer", "minimum": 0, "maximum": 110},
                "sex": {"enum": ["male", "female"]},
                "history": WORDS,
                "vital_signs": VALUES,
                "labs": VALUES,
                "medications": WORDS,
                "notes": {"type": "string", "minLength": 1, "maxLength": 400},
            },
        },
    },
}
# Widest values that a living patient could show, in the units that the corpus uses.
PLAUSIBLE = {
    "heart_rate": (20, 220),
    "respiratory_rate": (6, 60),
    "temperature": (30, 42),
    "oxygen_saturation": (60, 100),
    "gcs": (3, 15),
    "troponin": (0, 50),
    "bnp": (0, 5000),
    "d-dimer": (0, 20),
    "sodium": (105, 175),
    "potassium": (1.8, 9),
    "creatinine": (0.3, 20),
    "calcium": (5, 18),
    "glucose": (20, 1200),
    "fasting glucose": (40, 400),
    "hba1c": (4, 16),
    "ketones": (0, 12),
    "ph": (6.8, 7.7),
    "lactate": (0.3, 20),
    "tsh": (0, 150),
    "cortisol": (0, 60),
    "haemoglobin": (3, 20),
    "platelets": (2, 1000),
    "inr": (0.8, 12),
    "ferritin": (1, 5000),
    "neutrophils": (0, 40),
    "white cells": (0.1, 100),
    "crp": (0, 500),
    "procalcitonin": (0, 200),
    "lipase": (5, 10_000),
    "bilirubin": (0.1, 40),
    "alt": (5, 10_000),
    "ammonia": (5, 500),
    "ck": (20, 200_000),
    "lithium": (0, 6),
    "paracetamol": (0, 600),
    "phq-9": (0, 27),
    "vitamin b12": (50, 2000),
}
ORIGINAL = [
    ({"chief_complaint": "headache", "duration": "2 days"}, "simple"),
    ({"chief_complaint": "chest pain", "labs": {"troponin": 0.03}}, "moderate"),
    ({"chief_complaint": "shortness of breath", "history": ["diabetes"]}, "moderate"),
    ({"chief_complaint": "weakness", "labs": {"sodium": 125, "glucose": 450}}, "complex"),
    (
        {"chief_complaint": "chest pain", "vital_signs": {"blood_pressure": "140/90", "heart_rate": 88}},
        "simple",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_each_case_has_the_schema(row: dict[str, Any]) -> None:
    jsonschema.validate(row, SCHEMA)
    assert row["case_id"].startswith(row["category"])
    assert row["conflict"] == (row["category"] == "complex")


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_each_case_is_plausible(row: dict[str, Any]) -> None:
    request = row["request"]
    measured = {**request.get("vital_signs", {}), **request.get("labs", {})}
    pressure = measured.pop("blood_pressure", "120/80")
    systolic, diastolic = map(int, re.fullmatch(r"(\d+)/(\d+)", pressure).groups())  # type: ignore[union-attr]
    assert 50 <= systolic <= 260
    assert 25 <= diastolic < systolic
    for name, value in measured.items():
        if not isinstance(value, str):
            low, high = PLAUSIBLE[name]
            assert low <= value <= high, name


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_no_case_holds_personal_data(row: dict[str, Any]) -> None:
    text = json.dumps(row["request"])
    assert not re.search(r"\b(Mr|Mrs|Ms|Dr)\b\.?", text)
    assert not re.search(r"\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b(19|20)\d\d\b|@", text)


@pytest.mark.parametrize("category", ["simple", "moderate", "complex"])
def test_each_category_has_forty_cases(category: str) -> None:
    assert sum(row["category"] == category for row in ROWS) == 40


def test_at_most_three_cases_share_complaint_and_specialists() -> None:
    kinds = Counter(
        (row["request"]["chief_complaint"].lower(), *sorted(row["required_specialists"])) for row in ROWS
    )
    assert max(kinds.values()) <= 3


def test_no_two_cases_are_alike() -> None:
    assert len(set(IDS)) == len(ROWS)
    told = [json.dumps(row["request"], sort_keys=True) for row in ROWS]
    assert len(set(told)) == len(ROWS)
    pairs = {(row["request"]["chief_complaint"], row["request"].get("notes")) for row in ROWS}
    assert (
        len(pairs) >= len(ROWS) - 1
    )  # the two chest pains of the original requirement differ in their values


def test_every_specialty_is_required_somewhere() -> None:
    assert {slug for row in ROWS for slug in row["required_specialists"]} == set(SLUGS)


@pytest.mark.parametrize(("request_", "category"), ORIGINAL)
def test_the_original_five_are_there(request_: dict[str, Any], category: str) -> None:
    found = [row for row in ROWS if request_.items() <= row["request"].items()]
    assert category in {row["category"] for row in found}
