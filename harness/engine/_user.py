"""The user class to build load tests on: Locust's FastHttpUser, with a client that keeps the record.

    class CaseUser(ServiceUser):
        wait_time = between(0.1, 0.4)

        @task
        def open_case(self):
            self.client.post("/api/cases", json=..., name="/api/cases", category="simple", check=check_answer)

`check` gets the response of every 2xx and returns an `Answer`; a reason in it makes the request
a failure, in Locust's statistics as in ours.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from gevent import GreenletExit
from geventhttpclient.useragent import ConnectionError as HTTPClientError
from locust.contrib.fasthttp import FastHttpSession, FastHttpUser

from harness.engine._access import access_of, secret, ssl_context_factory
from harness.engine._clock import now_us
from harness.engine._listener import CONTEXT_KEY, Pending
from harness.engine._outcome import Answer
from harness.engine._recorder import Recorder, Request

logger = logging.getLogger(__name__)

Check = Callable[[Any], Answer]
_FORM = "application/x-www-form-urlencoded"

#: The request log of this process; Locust has one environment per process, and so have we.
recorder = Recorder()


class RecordedSession(FastHttpSession):
    """Locust's fast client, which also knows what is in flight and checks every answer."""

    own_headers: Mapping[str, str]

    def request(  # type: ignore[override]  # keyword arguments of Locust's own pass through unchanged
        self,
        method: str,
        url: str,
        *,
        name: str | None = None,
        category: str | None = None,
        case_id: str | None = None,
        check: Check | None = None,
        context: dict[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        """As `FastHttpSession.request`; returns its response.

        `category` and `case_id` label the row. `check` reads a good response (2xx) into an
        `Answer`. With `catch_response=True` the caller judges the response instead, as in Locust.
        """
        body = _as_bytes(options)
        self._add_own_headers(url, options)
        pending = Pending(
            Request(
                method=method,
                name=name or self.request_name or url,
                user_class=type(self.user).__name__,
                category=category,
                case_id=case_id,
                intended_us=now_us(),
                sent_us=now_us(),
                request_bytes=None if body is None else len(body),
            )
        )
        own_context = {**(context or {}), CONTEXT_KEY: pending}
        caller_judges = options.pop("catch_response", False)
        key = recorder.sent(pending.request)
        try:
            response = super().request(
                method,
                url,
                name=name,
                data=body,  # type: ignore[arg-type]  # bytes are sent as they are
                catch_response=True,
                context=own_context,
                **options,
            )
        except GreenletExit:
            recorder.abandon(key)
            raise
        except BaseException:
            recorder.settled(key)  # it was never sent: a bad URL, say
            raise
        recorder.settled(key)
        _name_errors(response, pending.request.name)
        if caller_judges:
            return response
        with response as judged:
            if check is not None and 200 <= judged.status_code < 300:
                pending.answer = _run_check(check, judged)
                if pending.answer.reason is not None:
                    judged.failure(pending.answer.reason)
        return response

    def _add_own_headers(self, url: str, options: dict[str, Any]) -> None:
        """The user class's headers, for its own host alone; those of the request itself win."""
        own = self.own_headers
        if not own:
            return
        absolute = url.lower().startswith(("http://", "https://"))
        if absolute and not f"{url}/".startswith(f"{self.base_url}/"):
            return
        given = dict(options.get("headers") or {})
        names = {name.lower() for name in given}
        unsaid = {name: text for name, text in own.items() if name.lower() not in names}
        options["headers"] = {**unsaid, **given}

    def get(self, url: str, **options: Any) -> Any:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> Any:  # type: ignore[override]  # as `request`
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> Any:  # type: ignore[override]  # as `request`
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Any) -> Any:  # type: ignore[override]  # as `request`
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Any) -> Any:
        return self.request("DELETE", url, **options)


class ServiceUser(FastHttpUser):
    """A closed-loop user of an HTTP service: sends, waits for the answer, thinks, sends again.

    Attributes to set in a class of your own, beside Locust's:

    - `headers`: sent with every request to `host`; `"Bearer ${CHAT_TOKEN}"` takes the token from
      the environment.
    - `secrets`: further environment variables, which tasks read with `self.secret("CHAT_PASSWORD")`.
    - `ca_file`, `client_cert`, `client_key`: PEM files for TLS, their names too with `${VARIABLE}`.
    - `insecure = True` trusts any certificate. Locust's own default is True, this class's is False.

    A variable or a file that is missing ends the process before any load, with one line.
    """

    abstract = True
    client: RecordedSession
    insecure = False
    headers: Mapping[str, str] = {}
    secrets: Sequence[str] = ()
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None

    def __init__(self, environment: Any) -> None:
        access = access_of(type(self))
        if self.ssl_context_factory is None:
            self.ssl_context_factory = ssl_context_factory(access.tls)
        super().__init__(environment)
        # RecordedSession adds behaviour and one attribute; building a second client would cost
        # another connection pool per user.
        self.client.__class__ = RecordedSession
        self.client.own_headers = _with_basic(access.headers, self.client)

    def secret(self, name: str) -> str:
        """The value of an environment variable, for a body or a parameter. Raises UserError."""
        return secret(name, type(self).__name__)


def _with_basic(headers: Mapping[str, str], client: FastHttpSession) -> Mapping[str, str]:
    """A password in the host goes to that host alone; Locust would send it to every address."""
    basic, client.auth_header = client.auth_header, None
    if basic is None or any(name.lower() == "authorization" for name in headers):
        return headers
    return {**headers, "Authorization": basic}


def _name_errors(response: Any, name: str) -> None:
    """Locust keeps the text of an error, and with it the address: ids, and secrets in a path."""
    error = getattr(response, "error", None)
    if isinstance(error, HTTPClientError):
        error.url, error.args = name, (name, *error.args[1:])


def _as_bytes(options: dict[str, Any]) -> bytes | None:
    """The body to send, serialised once, so that its size is known; None without a body."""
    document, data = options.pop("json", None), options.pop("data", None)
    if data is None and document is not None:
        data = json.dumps(document, separators=(",", ":"))
        headers = dict(options.get("headers") or {})
        headers.setdefault("Content-Type", "application/json")
        options["headers"] = headers
    elif isinstance(data, dict):
        data = urlencode(data, doseq=True)
        options["headers"] = {"Content-Type": _FORM, **(options.get("headers") or {})}
    return data.encode() if isinstance(data, str) else data


def _run_check(check: Check, response: Any) -> Answer:
    """A check that raises is a bug in the locustfile: the request fails, and the log says where."""
    try:
        return check(response)
    except Exception as error:
        logger.exception("the answer check %s raised", getattr(check, "__name__", check))
        return Answer(reason=f"check raised {type(error).__name__}")
