"""Settings from the environment, and what the command does with wrong ones."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from target_app.errors import SettingsError
from target_app.settings import Mode, Settings, load_prices

KEY = "gsk_key_of_a_test"


@pytest.mark.parametrize(
    ("env", "mode", "url", "key"),
    [
        pytest.param({}, Mode.SIMULATED, "http://127.0.0.1:9101", "simulated", id="nothing set"),
        pytest.param(
            {"GROQ_API_KEY": KEY},
            Mode.SIMULATED,
            "http://127.0.0.1:9101",
            "simulated",
            id="a key changes nothing",
        ),
        pytest.param(
            {"GROQ_API_KEY": KEY, "PROVIDER": "simulated", "INFERENCE_URL": "http://sim:1/"},
            Mode.SIMULATED,
            "http://sim:1",
            "simulated",
            id="another simulator",
        ),
        pytest.param(
            {"GROQ_API_KEY": KEY, "PROVIDER": "live"}, Mode.LIVE, "https://api.groq.com", KEY, id="live"
        ),
        pytest.param(
            {"GROQ_API_KEY": KEY, "PROVIDER": "live", "INFERENCE_URL": "http://sim:1"},
            Mode.LIVE,
            "https://api.groq.com",
            KEY,
            id="live ignores the simulator's address",
        ),
        pytest.param(
            {"GROQ_API_KEY": KEY, "PROVIDER": "live", "GROQ_BASE_URL": "https://gateway"},
            Mode.LIVE,
            "https://gateway",
            KEY,
            id="live through a gateway",
        ),
    ],
)
def test_who_is_called_with_which_key(env: dict[str, str], mode: Mode, url: str, key: str) -> None:
    settings = Settings.from_env(env)

    assert (settings.mode, settings.provider_url, settings.provider_key) == (mode, url, key)
    assert KEY not in repr(settings)


def test_every_number_can_be_set() -> None:
    settings = Settings.from_env(
        {"CASE_DEADLINE_S": "1.5", "CALL_TIMEOUT_S": "2", "MAX_RETRIES": "0", "RETRY_MAX_DELAY_S": "0"}
        | {"MAX_CONNECTIONS": "7", "MAX_BODY_BYTES": "8", "MODEL_LARGE": "l", "MODEL_SMALL": "s"}
        | {"MAX_CONCURRENT_CASES": "3", "MAX_QUEUED_CASES": "0", "MODEL_STREAMING": "True"}
    )

    assert (settings.case_deadline_s, settings.call_timeout_s) == (1.5, 2.0)
    assert (settings.max_retries, settings.retry_max_delay_s) == (0, 0.0)
    assert (settings.max_connections, settings.max_body_bytes) == (7, 8)
    assert settings.models == {"large": "l", "small": "s"}
    assert (settings.max_concurrent_cases, settings.max_queued_cases) == (3, 0)
    assert settings.model_streaming is True


@pytest.mark.parametrize(("text", "key"), [("", None), ("  ", None), (" secret ", "secret")])
def test_a_key_of_the_service_itself(text: str, key: str | None) -> None:
    settings = Settings.from_env({"API_KEY": text})

    assert settings.api_key == key
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("env", "says"),
    [
        pytest.param({"PROVIDER": "groq"}, "PROVIDER='groq': give simulated or live", id="provider"),
        pytest.param({"PROVIDER": "live"}, "PROVIDER=live needs GROQ_API_KEY", id="no key"),
        pytest.param(
            {"PROVIDER": "live", "GROQ_API_KEY": " "}, "PROVIDER=live needs GROQ_API_KEY", id="blank key"
        ),
        pytest.param({"MAX_RETRIES": "two"}, "MAX_RETRIES='two': give a number of at least 0", id="word"),
        pytest.param({"MAX_RETRIES": "-1"}, "MAX_RETRIES='-1': give a number of at least 0", id="negative"),
        pytest.param({"MAX_CONCURRENT_CASES": "0"}, "MAX_CONCURRENT_CASES='0': give a number of", id="none"),
        pytest.param({"MODEL_STREAMING": "1"}, "MODEL_STREAMING='1': give true or false", id="flag"),
        pytest.param({"CASE_DEADLINE_S": "nan"}, "CASE_DEADLINE_S='nan': give a number", id="NaN"),
        pytest.param({"INFERENCE_URL": "localhost:9101"}, "INFERENCE_URL: give an http://", id="no scheme"),
        pytest.param(
            {"INFERENCE_URL": "http://h:1/openai/v1"}, "INFERENCE_URL: leave the path", id="double path"
        ),
        pytest.param(
            {"INFERENCE_URL": "http://u:secret@h"}, "INFERENCE_URL: leave the user name", id="password"
        ),
        pytest.param(
            {"PRICES_FILE": "no-such.toml"}, "PRICES_FILE: no-such.toml cannot be used", id="no prices"
        ),
    ],
)
def test_a_wrong_setting_says_what_to_give(env: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(env)

    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["[models", '[models.x]\ninput_usd_per_million = "dear"', "[models.x]\noutput = 1", "models = 3"]
)
def test_wrong_prices_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(text)

    with pytest.raises(SettingsError, match=r"^PRICES_FILE: prices\.toml cannot be used"):
        load_prices(path)


def command(*options: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if key not in {"PROVIDER", "GROQ_API_KEY"}}
    return subprocess.run(
        [sys.executable, "-m", "target_app", *options],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean | env,
        check=False,
    )


@pytest.mark.parametrize(
    ("options", "env", "says"),
    [
        pytest.param(
            ["--prot", "1"], {}, "target_app: unrecognized arguments: --prot 1 (see --help)", id="option"
        ),
        pytest.param(["--port", "70000"], {}, "'70000' is not a port: give 0 to 65535", id="port"),
        pytest.param(["--workers", "0"], {}, "'0' is not a number of workers: give 1 to 64", id="workers"),
        pytest.param(
            ["--port", "0"], {"PROVIDER": "live"}, "target_app: PROVIDER=live needs GROQ_API_KEY", id="key"
        ),
        pytest.param(["--port", "0", "--host", "256.0.0.1"], {}, "cannot listen on 256.0.0.1:0", id="host"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(options: list[str], env: dict[str, str], says: str) -> None:
    done = command(*options, **env)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def test_a_busy_port_is_one_line_and_exit_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        done = command("--port", str(port))

    assert done.returncode == 2
    assert done.stderr.startswith(f"target_app: cannot listen on 127.0.0.1:{port}: Address already in use")
    assert done.stderr.count("\n") == 1
