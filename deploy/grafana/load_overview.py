"""Load overview: what users of the service see, against the levels of the scenario's rules."""

from deploy.grafana.panels import Dashboard, Panel, Query, R, limits, mean, quantile, rate, stat

RESPONSE = "harness_response_time_seconds"
CATEGORY = 'category=~"$category"'
CHOSEN = f'name=~"$name", {CATEGORY}'
STREAMED = "harness_first_token_seconds"
FAILED = 'outcome!~"ok|degraded"'

ERRORS = f"(sum (rate({RESPONSE}_count{{{CHOSEN}, {FAILED}}}{R})) or vector(0))"
REQUESTS = rate(f"{RESPONSE}_count", where=CHOSEN)
STATUS = (
    'sum by (criterion) (harness_criterion_status{status="pass"} or '
    '2 * harness_criterion_status{status="warn"} or 3 * harness_criterion_status{status="fail"})'
)

LOAD = Dashboard(
    "harness-load",
    "Load overview",
    variables=("name", "category"),
    panels=[
        Panel(
            "Phase", "The phase that lasts.", "none", [Query("harness_phase_info", "{{phase}}")], "stat", 4, 4
        ),
        stat("Users", "Users that exist now.", "none", "harness_users"),
        stat("Throughput", "Requests that ended per second.", "reqps", REQUESTS),
        stat(
            "Error rate",
            "Any outcome but ok, degraded and incomplete.",
            "percentunit",
            f"{ERRORS} / {REQUESTS}",
        ),
        stat("p95 response time", "Over all that is chosen.", "s", quantile(0.95, RESPONSE, where=CHOSEN)),
        stat("In flight", "Requests in flight at all workers.", "none", "sum (harness_worker_in_flight)"),
        Panel(
            "p95 response time by category",
            "From the intended start to the last byte, against the levels of the scenario's rules.",
            "s",
            [
                Query(quantile(0.95, RESPONSE, "category", CHOSEN), "{{category}}"),
                limits("response_time", "p95"),
            ],
        ),
        Panel(
            "Mean response time by category",
            "Against the levels of the scenario's rules.",
            "s",
            [Query(mean(RESPONSE, "category", CHOSEN), "{{category}}"), limits("response_time", "mean")],
        ),
        Panel(
            "Response time",
            "Quantiles over all that is chosen.",
            "s",
            [Query(quantile(q, RESPONSE, where=CHOSEN), f"p{q * 100:g}") for q in (0.5, 0.9, 0.95, 0.99)],
        ),
        Panel(
            "Distribution of the response time",
            "Requests per second in each bucket.",
            "s",
            [Query(rate(f"{RESPONSE}_bucket", "le", CHOSEN), "{{le}}", heatmap=True)],
            kind="heatmap",
        ),
        Panel(
            "Throughput by category",
            "Requests that ended per second, against the levels of the scenario's rules.",
            "reqps",
            [Query(rate(f"{RESPONSE}_count", "category", CHOSEN), "{{category}}"), limits("throughput")],
        ),
        Panel(
            "Requests by outcome",
            "Per second, added up.",
            "reqps",
            [Query(rate(f"{RESPONSE}_count", "outcome", CHOSEN), "{{outcome}}")],
            stacked=True,
        ),
        Panel(
            "Error rate",
            "Share of requests, against the levels of the scenario's rules.",
            "percentunit",
            [Query(f"{ERRORS} / {REQUESTS}", "errors"), limits("error_rate")],
        ),
        Panel(
            "Criteria",
            "What each rule says of the last seconds; the run is judged at its end.",
            "none",
            [Query(STATUS, "{{criterion}}")],
            kind="state-timeline",
        ),
        Panel(
            "Users",
            "Users that exist, users that the phase asks for, requests in flight.",
            "none",
            [
                Query("harness_users", "users"),
                Query("harness_users_planned", "planned"),
                Query("sum (harness_worker_in_flight)", "in flight"),
            ],
        ),
        Panel(
            "Arrivals",
            "In an open loop: the rate asked for, and what was started and dropped. 0 in a closed loop.",
            "reqps",
            [
                Query("harness_arrivals_requested_per_second", "requested"),
                Query(
                    f"{rate('harness_arrivals_due_total')} - {rate('harness_arrivals_dropped_total')}",
                    "started",
                ),
                Query(rate("harness_arrivals_dropped_total"), "dropped"),
            ],
        ),
        Panel(
            "Client and service: p95",
            "Service time as the client measures it by the case's category, and as the service measures "
            "it by the complexity that it found. Between them lie the network, queueing before the "
            "service, and cases judged otherwise.",
            "s",
            [
                Query(quantile(0.95, "harness_service_time_seconds", "category"), "client {{category}}"),
                Query(quantile(0.95, "target_case_duration_seconds", "complexity"), "service {{complexity}}"),
            ],
        ),
        Panel(
            "Client and service: requests",
            "What both sides count per second. Other clients of the service show as a difference.",
            "reqps",
            [
                Query(rate(f"{RESPONSE}_count"), "client"),
                Query(rate("target_cases_total"), "service"),
            ],
        ),
        Panel(
            "p95 time to first token by model",
            "Of streamed answers, from sending, against the levels of the scenario's rules.",
            "s",
            [
                Query(quantile(0.95, STREAMED, "model", CATEGORY), "{{model}}"),
                limits("time_to_first_token", "p95"),
            ],
            when_empty="no streamed answers",
        ),
        Panel(
            "Time to first token by category",
            "Of streamed answers, from sending.",
            "s",
            [
                Query(quantile(0.5, STREAMED, "category", CATEGORY), "p50 {{category}}"),
                Query(quantile(0.95, STREAMED, "category", CATEGORY), "p95 {{category}}"),
            ],
            when_empty="no streamed answers",
        ),
        Panel(
            "Tokens",
            "Per second, as answers tell them.",
            "none",
            [Query(rate("harness_tokens_total", "direction"), "{{direction}}")],
        ),
        Panel(
            "Cost",
            "US dollars per hour at this rate, as answers tell them.",
            "currencyUSD",
            [Query(f"3600 * {rate('harness_cost_usd_total', 'category')}", "{{category}}")],
            stacked=True,
        ),
    ],
)
