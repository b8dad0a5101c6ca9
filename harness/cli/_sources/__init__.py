"""What `harness init` reads and writes: OpenAPI, HAR or curl in, a locustfile and a harness.toml out.

Pure but for a body that a curl line takes from a file. No secret value leaves it.
"""

from harness.cli._sources._curl import read_curl
from harness.cli._sources._har import read_har
from harness.cli._sources._model import Operation, Secret, Source, SourceError, Text
from harness.cli._sources._names import identifier
from harness.cli._sources._openapi import read_openapi
from harness.cli._sources._render import render_config, render_locustfile
from harness.cli._sources._secrets import SecretKeeper

__all__ = [
    "Operation",
    "Secret",
    "SecretKeeper",
    "Source",
    "SourceError",
    "Text",
    "identifier",
    "read_curl",
    "read_har",
    "read_openapi",
    "render_config",
    "render_locustfile",
]
