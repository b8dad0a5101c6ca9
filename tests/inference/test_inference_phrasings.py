"""Complaints in patients' and clinicians' own words, values under many names: the routing follows.

The rows were written along with the knowledge (they show what it covers, not how far it carries).
"""

import json
import pathlib
from typing import Any

import pytest

from target_app.inference._clinic import assess

ROWS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (pathlib.Path(__file__).parent / "phrasings.jsonl").read_text("utf-8").splitlines()
]
COUNTS = {"simple": range(1, 3), "moderate": range(2, 4), "complex": range(3, 7)}


def prompt_of(request: dict[str, Any]) -> str:
    """The user message of a case, as the target writes it."""

    def told(value: Any) -> str:
        if isinstance(value, dict):
            return "; ".join(f"{key.replace('_', ' ')} {number}" for key, number in value.items())
        return "; ".join(value) if isinstance(value, list) else str(value)

    return "\n".join(
        f"{name.replace('_', ' ').capitalize()}: {told(value)}" for name, value in request.items()
    )


@pytest.mark.parametrize("row", ROWS, ids=[row["request"]["chief_complaint"] for row in ROWS])
def test_phrasing_is_routed(row: dict[str, Any]) -> None:
    found = assess(prompt_of(row["request"]))
    assert found.complexity == row["category"]
    assert set(row["required_specialists"]) <= set(found.levels)
    assert len(found.levels) in COUNTS[row["category"]]


@pytest.mark.parametrize(
    ("notes", "levels"),
    [
        ("He is fit and well, back to normal and drinking well.", {}),
        ("Cut down on coffee, takes folic acid, had a flu jab and wears hearing aids.", {}),
        ("Treated for high blood pressure. Blood tests normal.", {}),
        ("Can bear weight. Chest clear, ECG normal, abdomen normal.", {}),
        ("Denies cough, rash or chills; isn't dizzy and hasn't fainted.", {}),
        ("On oxygen 2 L, pain 8/10, sat 45 minutes in the waiting room.", {}),
        ("Urine glucose 3+, diastolic 45.", {}),
        ("Her mother has diabetes.", {}),
        ("Her mother has noticed confusion.", {"neurology": 2}),
        ("Cannot sleep.", {"psychiatry": 1}),
        ("He isn't making sense.", {"neurology": 2}),
        ("Coughing and passing blood in the urine.", {"pulmonology": 1, "nephrology": 1}),
        ("Gasping, unable to get a word out.", {"pulmonology": 2, "cardiology": 1}),
        ("Unable to speak.", {"neurology": 4, "emergency-medicine": 3}),
        ("The asthma is worse and he is out of breath.", {"pulmonology": 2}),
        ("Legs weak and swollen.", {"neurology": 1, "cardiology": 1, "nephrology": 1}),
        ("Twisted the ankle, which is swollen.", {"emergency-medicine": 1}),
    ],
)
def test_words_count_in_their_context(notes: str, levels: dict[str, int]) -> None:
    told: dict[str, int] = {}
    for item in assess(f"Chief complaint: unwell\nNotes: {notes}").evidence:
        for slug, level in item.levels.items():
            told[slug] = max(level, told.get(slug, 0))
    assert told == levels


@pytest.mark.parametrize(
    ("line", "levels"),
    [
        ("Labs: hs troponin I (ng/L) 90", {"cardiology": 3, "emergency-medicine": 2}),
        ("Labs: Trop T 0.09 ng/mL", {"cardiology": 3, "emergency-medicine": 2}),
        ("Labs: serum creatinine 290", {"nephrology": 3}),
        ("Labs: D-dimer 1500 ng/mL", {"pulmonology": 2, "haematology": 2}),
        ("Labs: plt 12,000", {"haematology": 4}),
        ("Labs: HbA1c 95 mmol/mol", {"endocrinology": 2}),
        ("Labs: adjusted calcium 3.2 mmol/L", {"endocrinology": 3}),
        ("Labs: serum cobalamin (B12) 90", {"haematology": 1, "neurology": 2}),
        ("Labs: urine protein 3+", {"nephrology": 1}),
        ("Labs: white cells raised", {"infectious-disease": 2}),
        ("Vital signs: T 102.5 F; Temp 39C", {"infectious-disease": 2}),
        ("Vital signs: SpO2 84% on air", {"pulmonology": 4, "emergency-medicine": 3}),
        ("Vital signs: Glasgow coma scale 12/15", {"neurology": 3, "emergency-medicine": 3}),
        ("Notes: Sats were only 88% on arrival.", {"pulmonology": 3, "emergency-medicine": 2}),
        ("Notes: Random cortisol came back very low at 1.3.", {"endocrinology": 3}),
        ("Notes: K 7.1, sugar 102.", {"nephrology": 4, "cardiology": 3}),
    ],
)
def test_values_under_other_names_and_units(line: str, levels: dict[str, int]) -> None:
    found = assess(f"Chief complaint: unwell\n{line}").evidence
    assert {slug: level for item in found for slug, level in item.levels.items()} == levels
