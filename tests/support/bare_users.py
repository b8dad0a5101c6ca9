"""A locustfile for tests: stock Locust, without the harness's plugin."""

from locust import HttpUser, constant, task


class BareUser(HttpUser):
    wait_time = constant(0.1)

    @task
    def work(self) -> None:
        self.client.post("/work", json={})
