"""Shared by all tests."""

import os

from hypothesis import settings

# Locust monkey-patches whatever process imports it. The tests' own process stays as it is; the
# variable is gone again before any test starts a real Locust.
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
import locust  # noqa: F401

del os.environ["LOCUST_SKIP_MONKEY_PATCH"]

# Tests run Locust processes side by side; the tests of the exporter give ports of their own.
os.environ.setdefault("HARNESS_METRICS_PORT", "0")

# Machines that run tests are busy; a slow example is not a wrong one.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")
