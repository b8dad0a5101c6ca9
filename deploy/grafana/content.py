"""The four dashboards, one module each.

A query ends in `or vector(0)` only where its series comes into being with the first event, so that an
empty panel means a broken one.
"""

from deploy.grafana.components import COMPONENTS
from deploy.grafana.generator_health import GENERATOR
from deploy.grafana.load_overview import LOAD, RESPONSE
from deploy.grafana.provider import PROVIDER

__all__ = ["DASHBOARDS", "RESPONSE"]

DASHBOARDS = (LOAD, COMPONENTS, PROVIDER, GENERATOR)
