"""Real Locust processes and a real service, as for the plugin."""

from tests.plugin.conftest import run_locust, service
from tests.plugin.test_masters_and_workers import start

__all__ = ["run_locust", "service", "start"]
