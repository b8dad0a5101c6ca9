"""Components: where the time of a request goes, by client and by service."""

from deploy.grafana.panels import Dashboard, Panel, Query, mean, quantile, rate

COMPONENT = "harness_component_time_seconds"
ADDITIVE = 'component!~"total|specialist-.*|queue|prefill|decode"'
TOTAL = 'component="total"'
SPECIALISTS = 'component=~"specialist-.*"'


def _per_request(metric: str) -> str:
    whole = rate("harness_service_time_seconds_count")
    return f"{rate(metric, 'component', ADDITIVE)} / ignoring (component) group_left () {whole}"


COMPONENTS = Dashboard(
    "harness-components",
    "Components",
    panels=[
        Panel(
            "Where the time of a request goes",
            "Mean seconds per request in each component that adds up.",
            "s",
            [
                Query(
                    _per_request(f"{COMPONENT}_sum"),
                    "{{component}}",
                )
            ],
            stacked=True,
        ),
        Panel(
            "Outside of the service",
            "Mean service time of the client, less the mean total that the service tells.",
            "s",
            [
                Query(
                    f"{mean('harness_service_time_seconds')} - ({mean(COMPONENT, where=TOTAL)})",
                    "network and before",
                )
            ],
        ),
        Panel(
            "p95 by component",
            "As the service tells in Server-Timing; a component that was not needed does not count.",
            "s",
            [Query(quantile(0.95, COMPONENT, "component", ADDITIVE), "{{component}}")],
        ),
        Panel(
            "p95 by specialist",
            "They work at the same time: the slowest makes the component `specialists`.",
            "s",
            [Query(quantile(0.95, COMPONENT, "component", SPECIALISTS), "{{component}}")],
        ),
        Panel(
            "p95 by component, measured by the service",
            "The service's own histogram, all its clients included.",
            "s",
            [Query(quantile(0.95, "target_component_duration_seconds", "component"), "{{component}}")],
        ),
        Panel(
            "How often each component works",
            "Per request: a debate takes place where opinions conflict.",
            "percentunit",
            [
                Query(
                    _per_request(f"{COMPONENT}_count"),
                    "{{component}}",
                )
            ],
        ),
    ],
)
