"""`harness shapes`: what it lists and draws is what the shapes carry out, and the docs show just that."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.cli import main
from harness.schedule import SHAPES

ROOT = Path(__file__).parents[2]


def test_every_shape_in_the_folder_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shapes", "list"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    files = {path.stem for path in (ROOT / "shapes").glob("[!_]*.py")}
    assert {name for name, _ in rows} == files
    assert main(["shapes", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed] == list(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_the_pictures_in_the_docs_are_current(name: str, tmp_path: Path) -> None:
    """When this fails: `harness shapes show NAME --svg docs/images/shapes/NAME.svg`."""
    drawn = tmp_path / "drawn.svg"
    assert main(["shapes", "show", name, "--svg", str(drawn)]) == 0
    assert (ROOT / "docs" / "images" / "shapes" / f"{name}.svg").read_text() == drawn.read_text()
    assert f"images/shapes/{name}.svg" in (ROOT / "docs" / "shapes.md").read_text()


def test_a_picture_is_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    """The highest point of the line is the peak: as long at the top as the peak lasts."""
    words = ["shapes", "show", "spike", "--spike-peak", "50", "--spike-peak-s", "105", "--svg", "-"]
    assert main(words) == 0
    drawing = ElementTree.fromstring(capsys.readouterr().out)  # noqa: S314 - of our own making
    (polygon,) = drawing.iter("{http://www.w3.org/2000/svg}polygon")
    points = [tuple(map(float, point.split(","))) for point in polygon.attrib["points"].split()]
    top = min(y for _, y in points)
    at_the_top = [x for x, y in points if y == top]
    whole = points[-1][0] - points[0][0]
    # 1 + 60 + 1 + 105 + 1 + 120 s in all
    assert (at_the_top[-1] - at_the_top[0]) / whole == pytest.approx(105 / 288, abs=0.001)


def test_stages_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shapes", "show", "concurrency_steps", "--levels", "20,40", "--hold-s", "5"]) == 0
    assert capsys.readouterr().out == "start_s\tload\tramp_s\thold_s\n0\t20\t2\t5\n7\t40\t2\t5\n"
    assert main(["shapes", "show", "soak", "--load-unit", "arrivals_per_s", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["shape"], document["unit"], document["duration_s"]) == ("soak", "arrivals/s", 7202)


def test_help_has_every_option_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    for name, spec in SHAPES.items():
        with pytest.raises(SystemExit):
            main(["shapes", "show", name, "--help"])
        text = re.sub(r"\s+", " ", capsys.readouterr().out)
        assert "examples:" in text
        for option in spec.options:
            assert f"{option.help} (default: {option.default})" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("show", "spik"), "invalid choice: 'spik'", id="no such shape"),
        pytest.param(("show", "spike", "--spike-peak", "1"), "spike: spike_peak must be above", id="no peak"),
        pytest.param(("show", "spike", "--spike-peak", "x"), "invalid int value: 'x'", id="no number"),
        pytest.param(("show", "soak", "--svg", "/no/such/x.svg"), "/no/such/x.svg: cannot", id="no folder"),
        pytest.param((), "required: ACTION", id="nothing to do"),
    ],
)
def test_a_mistake_is_one_line(words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shapes", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert len(err.splitlines()) == 1


def test_a_plan_is_drawn_in_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    import sys

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert main(["shapes", "show", "spike", "--spike-peak", "80"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "3 stages, 10 to 80 users, 3 min 33 s if no ramp is slow"
    assert lines[3].startswith("80 │")
    assert lines[-1].endswith("3.55 minutes")
