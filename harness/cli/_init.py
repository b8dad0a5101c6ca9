"""`harness init`: a locustfile and a harness.toml from what a service already has."""

import argparse
import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.cli._net import fetch_text
from harness.cli._options import refuse_extra, show
from harness.errors import ExitCode, UnreadableFileError, UserError

if TYPE_CHECKING:
    from harness.cli._sources import SecretKeeper, Source

_FETCH_TIMEOUT_S = 10.0
_EPILOG = """\
Two files are made: NAME.py, with a task for each operation, and harness.toml, with a scenario NAME.
Keys, tokens, cookies and passwords become names of environment variables; their values are not kept.

examples:
  harness init --openapi http://127.0.0.1:8000/openapi.json
  harness init --openapi openapi.yaml --host https://chat.example --name chat
  harness init --har recorded.har --out load-test
  harness init --curl "curl https://chat.example/v1/ask -H 'Authorization: Bearer ...' --json '{}'"
  pbpaste | harness init --curl -                  the line from stdin: not in the shell's history
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "init",
        help="make a locustfile and a harness.toml for a service of your own",
        description="Make a load test from an OpenAPI document, a HAR file or a curl line.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--openapi", metavar="FILE|URL", help="an OpenAPI 3 document, JSON or YAML")
    source.add_argument("--har", metavar="FILE", help="a browser's record of requests")
    source.add_argument("--curl", metavar="LINE", help="a curl command line in quotes; - reads it from stdin")
    parser.add_argument("--out", metavar="DIR", default=".", help="where to write (default: this folder)")
    parser.add_argument("--name", help="of the scenario and its file (default: from the source)")
    parser.add_argument("--host", metavar="URL", help="the service's address (default: the source's)")
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.set_defaults(command=_command)


@dataclass(slots=True, frozen=True)
class _Given:
    """What was read; `url` is where an OpenAPI document was fetched from."""

    kind: str
    text: str
    label: str
    url: str | None = None


def _command(options: argparse.Namespace) -> int:
    from harness.cli._sources import SecretKeeper, render_config, render_locustfile

    refuse_extra(options)
    host = _checked_host(options.host)
    folder = Path(options.out)
    given = _given(options)
    # Variables carry the scenario's name, which the source itself may have to tell first.
    name = options.name or _name_for(_parsed(given, host, SecretKeeper("x")), folder)
    _check_name(name, folder)
    keeper = SecretKeeper(name)
    source = _parsed(given, host, keeper)
    files = {
        folder / f"{name}.py": render_locustfile(source, name),
        folder / "harness.toml": render_config(source, name),
    }
    _write(files, force=options.force)
    _report(source, keeper, name, folder, list(files))
    return ExitCode.OK


def _given(options: argparse.Namespace) -> _Given:
    if options.curl:
        text = sys.stdin.read() if options.curl == "-" else options.curl
        return _Given("curl", text.strip(), "--curl")
    if options.har:
        return _Given("har", _read(Path(options.har)), options.har)
    if options.openapi.startswith(("http://", "https://")):
        text = fetch_text(options.openapi, _FETCH_TIMEOUT_S)
        from harness.config import split_credentials

        address, _ = split_credentials(options.openapi)
        return _Given("openapi", text, address, address)
    return _Given("openapi", _read(Path(options.openapi)), options.openapi)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UnreadableFileError(f"{path}: cannot be read ({reason})") from error


def _parsed(given: _Given, host: str | None, keeper: "SecretKeeper") -> "Source":
    """The source's operations, without a secret in them."""
    from harness.cli._sources import read_curl, read_har, read_openapi

    match given.kind:
        case "curl":
            source = read_curl(given.text, Path())
        case "har":
            source = read_har(given.text, Path(given.label), host)
        case _:
            source = read_openapi(given.text, given.label, given.url, host, keeper)
    return keeper.cleaned(replace(source, host=host) if host else source)


def _checked_host(host: str | None) -> str | None:
    from harness.config import split_credentials

    if host is None:
        return None
    if not host.startswith(("http://", "https://")) or not urlsplit(host).hostname:
        raise UserError("--host should start with http:// or https:// and name a host")
    if split_credentials(host)[1]:
        raise UserError("--host: leave user and password out; put them in a header of the user class")
    return host.rstrip("/")


def _check_name(name: str, folder: Path) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise UserError(f"--name '{name}': a name is made of a-z, 0-9, - and _")
    if _is_module(name, folder):
        raise UserError(
            f"--name '{name}': {name}.py would stand in the way of the module '{name}'; choose another"
        )


def _is_module(name: str, folder: Path) -> bool:
    """Whether `import NAME` means something already; a file that is in the folder itself is no obstacle."""
    spec = importlib.util.find_spec(name)
    return spec is not None and Path(spec.origin or "").parent != folder.resolve()


def _name_for(source: "Source", folder: Path) -> str:
    from harness.cli._sources import identifier

    words = source.title
    if source.title == urlsplit(source.host).hostname:
        labels = [each for each in words.split(".")[:-1] if each not in {"www", "api", "app"}]
        words = labels[-1] if labels and not labels[-1].isdigit() else "service"
    name = identifier(words)[:30].strip("_") or "service"
    return f"{name}_load" if _is_module(name, folder) else name


def _write(files: Mapping[Path, str], *, force: bool) -> None:
    """All of the files, or none of them."""
    there = [str(path) for path in files if path.exists()]
    if there and not force:
        raise UserError(f"{' and '.join(there)}: exists already; --force replaces it, --out writes elsewhere")
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error.strerror}); choose another --out") from error


def _report(source: "Source", keeper: "SecretKeeper", name: str, folder: Path, files: list[Path]) -> None:
    """What was made, what was left out, and what to do next."""
    count = len(source.operations)
    show(f"Wrote {' and '.join(map(str, files))}: {count} task{'s' if count > 1 else ''} for {source.host}")
    for note in source.notes:
        show(note)
    if switched_off := [each.label for each in source.operations if each.weight == 0]:
        show(f"Switched off with @task(0), being deletions: {', '.join(switched_off)}")
    if keeper.purposes:
        show("Set before a run; no value is kept in the files:")
    for variable, purpose in keeper.purposes.items():
        show(f"  export {variable}=...    # {purpose}")
    here = "" if folder == Path() else f"cd {folder} && "
    show(f"Look at the values that {name}.py sends, then: {here}harness run {name}")
