"""Headers from the environment and TLS files: what is completed, what is refused, and in which words."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from harness.engine import Access, ServiceUser, access_to_service
from harness.engine._access import Tls, access_of
from harness.errors import UserError


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    monkeypatch.setenv("BROKEN", "hunter2\n")
    monkeypatch.setenv("CURLY", "hunter2\u2026")
    monkeypatch.setenv("EMPTY", "")


def user(**attributes: Any) -> type[ServiceUser]:
    return type("ChatUser", (ServiceUser,), {"abstract": True, **attributes})


def test_headers_are_completed_and_never_shown() -> None:
    access = access_of(user(headers={"Authorization": "Bearer ${TOKEN}", "X": "a ${TOKEN} ${TOKEN} $b {c}"}))
    assert access.headers == {"Authorization": "Bearer hunter2", "X": "a hunter2 hunter2 $b {c}"}
    assert "hunter2" not in repr(access)


def test_the_first_class_that_has_an_access_speaks_for_the_service() -> None:
    first, second = user(headers={"X": "1"}), user(headers={"X": "2"})
    assert access_to_service([object, first, second]) == Access({"X": "1"})
    assert access_to_service([object]) == Access()


MISTAKES = [
    (
        "missing",
        {"headers": {"A": "${NO_SUCH}"}},
        "NO_SUCH is not set, and ChatUser.headers['A'] needs it: export",
    ),
    ("empty", {"headers": {"A": "${EMPTY}"}}, "EMPTY is not set"),
    (
        "a secret that is missing",
        {"secrets": ("TOKEN", "NO_SUCH")},
        "NO_SUCH is not set, and ChatUser needs it",
    ),
    ("a line break", {"headers": {"A": "x ${BROKEN}"}}, "ChatUser.headers['A']: BROKEN holds a line break"),
    ("a letter that no header takes", {"headers": {"A": "${CURLY}"}}, "CURLY holds a line break or a letter"),
    ("no such CA file", {"ca_file": "nowhere.pem"}, "ChatUser.ca_file: nowhere.pem: No such file"),
    ("a CA file by a variable", {"ca_file": "${NO_SUCH}/ca.pem"}, "NO_SUCH is not set, and ChatUser.ca_file"),
    ("no CA in it", {"ca_file": __file__}, "holds no CA certificate in PEM format"),
    ("no certificate in it", {"client_cert": __file__}, "not a certificate and its key"),
    (
        "an attribute of Locust's FastHttpUser",
        {"network_timeout": 3},
        "ChatUser.network_timeout is of Locust's own users and has no effect here: set request_timeout_s",
    ),
    ("a key alone", {"client_key": __file__}, "ChatUser.client_key needs client_cert beside it"),
]


@pytest.mark.parametrize(
    ("attributes", "says"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_one_line(attributes: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as caught:
        access_of(user(**attributes))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_certificates_are_verified_unless_told_otherwise() -> None:
    assert Tls().context().verify_mode is ssl.CERT_REQUIRED
    careless = access_of(user(insecure=True)).tls.context()
    assert (careless.verify_mode, careless.check_hostname) == (ssl.CERT_NONE, False)


def test_a_process_has_one_context_for_all_its_users(tmp_path: Path) -> None:
    assert access_of(user()).tls.context() is Tls().context()
