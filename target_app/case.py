"""A medical case as the API takes it, with every limit on its size.

Values are data, not markup: `render` puts each on one line, so that a note cannot pose as another field.
"""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainValidator, StringConstraints
from pydantic_core import PydanticCustomError

MAX_VALUE_CHARS = 100
_VISIBLE = r"\S"
"""Says in the published schema what stripping white space does to a text of nothing else."""


def _measurement(value: object) -> str | int | float:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if number or (isinstance(value, str) and 0 < len(value.strip()) <= MAX_VALUE_CHARS):
        return value  # type: ignore[return-value]  # narrowed by the two conditions together
    raise PydanticCustomError(
        "measurement", "Input should be a finite number or a text of 1 to 100 characters"
    )


Measurement = Annotated[
    str | int | float,
    PlainValidator(
        _measurement,
        json_schema_input_type=Annotated[str, Field(max_length=MAX_VALUE_CHARS, pattern=_VISIBLE)] | float,
    ),
]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=_VISIBLE)]
Item = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=_VISIBLE)
]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=_VISIBLE)
]
CaseId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]

EXAMPLE: dict[str, JsonValue] = {
    "case_id": "example-1",
    "chief_complaint": "chest pain radiating to the left arm",
    "duration": "2 hours",
    "age": 58,
    "sex": "male",
    "history": ["hypertension", "type 2 diabetes"],
    "vital_signs": {"blood_pressure": "150/95", "heart_rate": 104},
    "labs": {"troponin": 0.09, "sodium": 138},
    "medications": ["metformin", "lisinopril"],
    "notes": "Pain began at rest. Sweating, no fever.",
}


class CaseRequest(BaseModel):
    """What a client knows about a patient; only `case_id` and `chief_complaint` are required."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [EXAMPLE]})

    case_id: CaseId = Field(description="The caller's own name for the case; never sent to a model.")
    chief_complaint: Line
    duration: Item | None = None
    age: Annotated[float, Field(strict=True, ge=0, le=130, allow_inf_nan=False)] | None = None
    sex: Literal["female", "male", "other", "unknown"] | None = None
    history: list[Item] = Field(default=[], max_length=50)
    vital_signs: dict[Name, Measurement] = Field(default={}, max_length=50)
    labs: dict[Name, Measurement] = Field(default={}, max_length=100)
    medications: list[Item] = Field(default=[], max_length=50)
    notes: Annotated[str, StringConstraints(strip_whitespace=True, max_length=8000)] | None = None


def render(case: CaseRequest) -> str:
    """The case as labelled lines, the user message of every agent; absent fields have no line.

    >>> print(render(CaseRequest(case_id="a", chief_complaint="cough", labs={"white_cell_count": 11})))
    Chief complaint: cough
    Labs: white cell count 11
    """
    lines = {
        "Chief complaint": case.chief_complaint,
        "Duration": case.duration,
        "Age": None if case.age is None else f"{case.age:g}",
        "Sex": case.sex,
        "History": "; ".join(case.history),
        "Vital signs": _measurements(case.vital_signs),
        "Labs": _measurements(case.labs),
        "Medications": "; ".join(case.medications),
        "Notes": case.notes,
    }
    return "\n".join(f"{label}: {one_line(text)}" for label, text in lines.items() if text)


def one_line(text: str) -> str:
    """Text with every run of white space, line breaks included, made one space."""
    return " ".join(text.split())


def _measurements(values: dict[str, str | int | float]) -> str:
    return "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
