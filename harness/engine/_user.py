"""The user class to build closed-loop load tests on: Locust's feel, our client, a row per request.

    class CaseUser(ServiceUser):
        wait_time = between(0.1, 0.4)

        @task
        def open_case(self):
            self.client.post("/api/cases", json=..., name="/api/cases", category="simple", check=check_answer)

`check` gets the reply of every 2xx and returns an `Answer`; a reason in it makes the request
a failure, in Locust's statistics as in ours.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from gevent import GreenletExit
from locust import User
from locust.exception import LocustError, StopTest, StopUser
from locust.user.task import LOCUST_STATE_RUNNING
from locust.user.users import RestMixin

from harness.config import split_credentials
from harness.engine._access import access_of, secret
from harness.engine._http import HttpClient
from harness.engine._quota import task_quota
from harness.engine._recorder import Recorder
from harness.engine._reply import CaughtReply
from harness.engine._session import ServiceSession
from harness.engine._stats_feed import stats_feed
from harness.engine._tasks import ServiceTasks

logger = logging.getLogger(__name__)

#: The request log of this process; Locust has one environment per process, and so have we.
recorder = Recorder()


class ServiceUser(User, RestMixin[CaughtReply]):
    """A closed-loop user of an HTTP service: sends, waits for the answer, thinks, sends again.

    Attributes to set in a class of your own, beside Locust's:

    - `headers`: sent with every request to `host`; `"Bearer ${CHAT_TOKEN}"` takes the token from
      the environment.
    - `secrets`: further environment variables, which tasks read with `self.secret("CHAT_PASSWORD")`.
    - `ca_file`, `client_cert`, `client_key`: PEM files for TLS, their names too with `${VARIABLE}`.
    - `insecure = True` trusts any certificate. Locust's own default is True, this class's is False.
    - `request_timeout_s`: the longest a whole request may take; `max_response_bytes`: the largest
      body that is read.
    - `trace = True` sends a `traceparent` header and keeps its trace id, as `--trace` does for all.

    A variable or a file that is missing ends the process before any load, with one line. Each user
    has connections of its own, kept alive between its requests.
    """

    abstract = True
    #: Locust has told this user to stop: it ends before its next task.
    leaving = False
    #: Its tasks can be counted, for a fixed number of requests.
    counts_tasks = True
    insecure = False
    headers: Mapping[str, str] = {}
    secrets: Sequence[str] = ()
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    request_timeout_s = 60.0
    max_response_bytes = 64 << 20
    trace = False

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        if not self.host:
            raise LocustError("no host: give --host, or set host in the user class")
        address, authorization = split_credentials(self.host)
        headers = access_of(type(self)).headers
        if authorization and not any(name.lower() == "authorization" for name in headers):
            headers = {**headers, "Authorization": authorization}
        self.client = ServiceSession(
            self,
            address,
            connect=self.connect,
            own_headers=headers,
            recorder=recorder,
            feed=stats_feed(environment),
        )

    def run(self) -> None:  # type: ignore[misc]  # final in Locust; as there, with another loop of tasks
        """Run tasks until Locust stops the user."""
        self._state = LOCUST_STATE_RUNNING
        self._taskset_instance = ServiceTasks(self, recorder, task_quota)
        task_quota.join()
        try:
            self._begin()
            self._taskset_instance.run()
        except (GreenletExit, StopUser, StopTest):
            self.on_stop()
        finally:
            task_quota.leave()
            self.client.close()

    def _begin(self) -> None:
        try:
            self.on_start()
        except Exception as error:
            logger.exception("%s.on_start raised", type(self).__name__)
            if not isinstance(error, StopUser | StopTest):
                self.environment.events.user_error.fire(
                    user_instance=self, exception=error, tb=error.__traceback__
                )
            raise

    def connect(self, url: str) -> HttpClient:
        """Connections to the origin of `url`; a class whose users share theirs overrides this."""
        tls = access_of(type(self)).tls
        return HttpClient(url, tls_context=tls.context, max_response_bytes=self.max_response_bytes)

    def secret(self, name: str) -> str:
        """The value of an environment variable, for a body or a parameter. Raises UserError."""
        return secret(name, type(self).__name__)
