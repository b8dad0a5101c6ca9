"""Which files count as the locustfiles that master and workers must share. Oracle: the names, by hand."""

from pathlib import Path

import pytest

from harness.plugin._build import digest_of, with_imports
from tests.support.processes import ROOT

FILES = {
    "_pace.py": "",
    "_unused.py": "",
    "_deep.py": "from _pace import PACE",
    "json.json": "",
    "tools/__init__.py": "",
    "tools/inner.py": "from . import near\nfrom .far import x\nfrom ..outside import y",
    "tools/near.py": "",
    "tools/far.py": "",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "load"
    (made / "tools").mkdir(parents=True)
    for name, text in FILES.items():
        (made / name).write_text(text)
    (tmp_path / "outside.py").write_text("")
    return made


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("import json, locust, harness.plugin", set(), id="nothing of its own"),
        pytest.param("import _pace", {"_pace.py"}, id="a sibling"),
        pytest.param("from load import _pace", {"_pace.py"}, id="from the package that the folder is"),
        pytest.param("from load._pace import PACE", {"_pace.py"}, id="a name of it"),
        pytest.param("import _deep", {"_deep.py", "_pace.py"}, id="through another"),
        pytest.param("def late():\n    import _pace", {"_pace.py"}, id="in a function"),
        pytest.param(
            "import tools.inner",
            {"tools/__init__.py", "tools/inner.py", "tools/near.py", "tools/far.py"},
            id="a package, and what that has relative",
        ),
        pytest.param("import outside", set(), id="beside the folder"),
        pytest.param("this is no Python", set(), id="not to be read"),
    ],
)
def test_what_a_locustfile_brings(folder: Path, text: str, found: set[str]) -> None:
    (folder / "work.py").write_text(text)
    names = {path.relative_to(folder).as_posix() for path in with_imports(folder / "work.py")}
    assert names == {"work.py", *found}


def test_the_digest_is_of_text_and_names_and_not_of_where_they_lie(tmp_path: Path) -> None:
    digests = []
    for place, (name, text) in enumerate(
        (("_a.py", "1"), ("_a.py", "1"), ("_a.py", "2"), ("_b.py", "1")), start=1
    ):
        made = tmp_path / str(place)
        made.mkdir()
        (made / "work.py").write_text("import _a, _b")
        (made / name).write_text(text)
        digests.append(digest_of((str(made / "work.py"),)))
    same, again, other_text, other_name = digests
    assert same == again
    assert len({same, other_text, other_name}) == 3


def test_the_bundled_helpers_count() -> None:
    assert ROOT / "locustfiles" / "_cases.py" in with_imports(ROOT / "locustfiles" / "cases.py")
    assert ROOT / "shapes" / "_base.py" in with_imports(ROOT / "shapes" / "soak.py")
