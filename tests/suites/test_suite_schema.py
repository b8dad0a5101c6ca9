"""docs/suite.schema.json is the schema of suite.json, as the code writes it."""

import json
import os
from pathlib import Path

import jsonschema

from harness.config import SuiteConfig
from harness.suites import SuiteRecord, concluded, make_folder, new_record
from tests.support.processes import ROOT

SCHEMA = ROOT / "docs" / "suite.schema.json"


def test_the_published_schema_is_current() -> None:
    """Write it anew with UPDATE_GOLDEN=1."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **SuiteRecord.model_json_schema()}
    text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        SCHEMA.write_text(text, encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == text


def test_a_record_fits_it(tmp_path: Path) -> None:
    suite = SuiteConfig.model_validate({"steps": [{"run": "a"}, {"review": "a"}]})
    folder = make_folder(tmp_path, concluded(new_record("s", suite)))
    document = json.loads((folder / "suite.json").read_text())
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    assert document["exit_code"] == 130
