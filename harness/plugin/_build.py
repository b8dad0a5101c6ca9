"""What master and workers must have in common, so that all of them measure the same.

Of a locustfile counts its own text and that of every module that it imports from its own folder, directly
or through another of them. Imports are read, not run, so that one that a function makes counts from the
start. What lies elsewhere is installed: for that stand the version and the cases.
"""

import ast
import contextlib
import importlib.metadata
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

from locust.env import Environment


def build_of(environment: Environment) -> dict[str, str]:
    """The harness, the locustfiles' text, the cases they draw."""
    return {
        "harness": importlib.metadata.version("agent-load-harness"),
        "locustfiles": digest_of(tuple(environment.parsed_locustfiles or [])),
        "cases": cases_of(environment),
    }


def cases_of(environment: Environment) -> str:
    corpora = {
        corpus.digest
        for user_class in environment.user_classes
        if (corpus := getattr(user_class, "corpus", None)) is not None
    }
    return ",".join(sorted(corpora)) or "none"


@cache
def digest_of(locustfiles: tuple[str, ...]) -> str:
    """Of the text as it was when this was first asked, whatever is edited while the process lives."""
    files: dict[str, Path] = {}
    for locustfile in (Path(path).absolute() for path in locustfiles):
        files |= {str(path.relative_to(locustfile.parent)): path for path in with_imports(locustfile)}
    digest = sha256()
    for name, path in sorted(files.items()):
        with contextlib.suppress(OSError):
            digest.update(f"{name}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def with_imports(locustfile: Path) -> set[Path]:
    """The file and what it imports of its own folder and the folders in that."""
    found, waiting = {locustfile}, [locustfile]
    while waiting:
        new = set(_imported(waiting.pop(), locustfile.parent)) - found
        found |= new
        waiting += new
    return found


def _imported(module: Path, folder: Path) -> Iterator[Path]:
    """Files in `folder` that a module names in an import; none of what cannot be read."""
    try:
        tree = ast.parse(module.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for name in names:
                    yield from _files(folder, name.name)
            case ast.ImportFrom(level=0, module=str(origin), names=names):
                for name in names:
                    yield from _files(folder, f"{origin}.{name.name}")
            case ast.ImportFrom(level=level, module=origin, names=names) if level <= len(module.parents):
                within = module.parents[level - 1]
                if within.is_relative_to(folder):
                    for name in names:
                        yield from _along(within, [*(origin or "").split("."), name.name])


def _files(folder: Path, dotted: str) -> Iterator[Path]:
    """A module by its full name: from the folder itself, or from the package that the folder is."""
    parts = dotted.split(".")
    yield from _along(folder, parts)
    if parts[0] == folder.name:
        yield from _along(folder, parts[1:])


def _along(folder: Path, parts: list[str]) -> Iterator[Path]:
    """Each package on the way, and the module at its end; a name in a module is none, and ends it."""
    here = folder
    for part in filter(None, parts):
        here /= part
        yield from (path for path in (here.with_suffix(".py"), here / "__init__.py") if path.is_file())
