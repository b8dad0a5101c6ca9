"""Terms in a text, values told in sentences, and values in other units."""

from collections.abc import Mapping
from typing import Any

import pytest

from target_app.inference._clinic import assess
from target_app.inference._terms import Terms, stem, tokens_of

ENTRIES: list[Mapping[str, Any]] = [
    {"name": "chest", "terms": ["chest pain", "chest ~ <pain>"]},
    {"name": "pain", "terms": ["pain", "severe pain"]},
]
WORDS = {"pain": ["pain", "aches", "sharp pain"]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Chest pain.", {"chest pain": "chest"}),
        ("severe pain", {"severe pain": "pain"}),
        ("her chest aches", {"chest aches": "chest"}),
        ("it aches across the whole chest", {"aches across the whole chest": "chest"}),
        ("aches w x y z chest", {"aches w x y z chest": "chest"}),
        ("aches v w x y z chest", {}),
        # Small words count half, a comma double.
        ("aches in the middle of my chest", {"aches in the middle of my chest": "chest"}),
        ("aching, heavy chest", {"aching, heavy chest": "chest"}),
        ("aches, v w x chest", {}),
        ("aches. Chest", {}),
        ("chestnuts and aches", {}),
        # The longest match wins, and its words are gone for others.
        ("chest pain aches", {"chest pain": "chest"}),
        ("chest severe pain", {"severe pain": "pain"}),
    ],
)
def test_terms(text: str, found: dict[str, str]) -> None:
    tokens = tokens_of(text)
    matches = Terms(ENTRIES, WORDS).find(tokens)
    assert {
        text[tokens[min(match.places)].start : tokens[max(match.places)].end].lower(): match.entry["name"]
        for match in matches
    } == {matched.lower(): name for matched, name in found.items()}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("haemoglobin", "hemoglobin"),
        ("oedema", "edema"),
        ("tumour", "tumor"),
        ("stopped", "stopping"),
        ("breathe", "breath"),
        ("dizziness", "dizzy"),
        ("can't", "cannot"),
        ("woke", "waking"),
    ],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(
    ("line", "levels"),
    [
        ("Labs: glucose 25.2 mmol/L", {"endocrinology": 3}),
        ("Labs: glucose 5.2 mmol/L", {}),
        ("Labs: creatinine 290 umol/L", {"nephrology": 3}),
        ("Labs: creatinine 80 µmol/L", {}),
        ("Labs: Hb 72 g/L", {"haematology": 3}),
        ("Notes: Blood glucose was 480.", {"endocrinology": 3}),
        ("Notes: A sodium level of 124 came back.", {"nephrology": 3}),
        ("Notes: No sodium below 130.", {}),
        ("Notes: BP 82/40 in the ambulance.", {"emergency-medicine": 4}),
    ],
)
def test_values(line: str, levels: dict[str, int]) -> None:
    found = assess(f"Chief complaint: unwell\n{line}").evidence
    assert {slug: level for item in found for slug, level in item.levels.items()} == levels


@pytest.mark.parametrize(
    "notes",
    [
        "She doesn't have a headache.",
        "His father had a stroke.",
        "Free of headache.",
        "Never had seizures or a rash.",
    ],
)
def test_what_is_denied_or_of_others_counts_nothing(notes: str) -> None:
    assert assess(f"Chief complaint: unwell\nNotes: {notes}").evidence == ()
