"""The file, found, read and checked. Every mistake is a `ConfigError` of one line that names the file."""

import os
import tomllib
from pathlib import Path

from pydantic import ValidationError

from harness.config._config import Config
from harness.config._mistakes import first_line
from harness.config._references import check_references
from harness.config._suggest import suggest
from harness.config._variables import CONFIG_NAME, CONFIG_VARIABLE, PORTS_VARIABLE
from harness.errors import ConfigError


def find_config(explicit: str | Path | None = None) -> Path | None:
    """The file to read: `explicit`, else $HARNESS_CONFIG, else ./harness.toml where it exists."""
    chosen = explicit or os.environ.get(CONFIG_VARIABLE)
    if chosen:
        return Path(chosen)
    here = Path(CONFIG_NAME)
    return here if here.is_file() else None


def load_config(explicit: str | Path | None = None) -> Config:
    """Find, read and check the configuration; an empty one where there is no file.

    Raises ConfigError for a file that was named and does not exist, and for any mistake in it.
    """
    path = find_config(explicit)
    if path is None:
        return Config()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        hint = f"--config-file and {CONFIG_VARIABLE} name another file"
        raise ConfigError(f"{path}: cannot be read ({reason}); {hint}") from error
    return with_ports(parse_config(text, path), os.environ.get(PORTS_VARIABLE, ""))


def parse_config(text: str, source: Path) -> Config:
    """Check the text of a configuration file; `source` is named in errors and resolves paths."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: TOML syntax: {error}") from error
    if "source" in tables:
        raise ConfigError(f"{source}: source: unknown key")
    try:
        config = Config.model_validate({**tables, "source": source})
    except ValidationError as error:
        raise ConfigError(f"{source}: {first_line(error)}") from error
    check_references(config)
    return config


def with_ports(config: Config, text: str) -> Config:
    """The configuration with other ports for some services, as $HARNESS_PORTS gives them.

    It is how a suite tells every command that it starts where its services listen. Raises ConfigError.

    >>> service = {"command": ["x"], "ready_url": "http://h/", "port": 8000}
    >>> config = Config.model_validate({"services": {"target": service}})
    >>> with_ports(config, "target=4711").services["target"].port
    4711
    """
    services = dict(config.services)
    for word in text.split():
        name, _, port = word.partition("=")
        if name not in services:
            raise ConfigError(f"{PORTS_VARIABLE}: no service '{name}'; {suggest(name, services)}")
        if not port.isdecimal() or not 1 <= int(port) <= 65535:
            raise ConfigError(f"{PORTS_VARIABLE}: {word}: write SERVICE=PORT, with a port from 1 to 65535")
        services[name] = services[name].model_copy(update={"port": int(port)})
    return config.model_copy(update={"services": services})
