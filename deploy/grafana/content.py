"""The four dashboards: load overview, components, provider, generator health.

A query ends in `or vector(0)` only where its series comes into being with the first event, so that an
empty panel means a broken one.
"""

from deploy.grafana.panels import Dashboard, Panel, Query, R, limits, mean, quantile, rate, stat

RESPONSE = "harness_response_time_seconds"
CHOSEN = 'name=~"$name", category=~"$category"'
FAILED = 'outcome!~"ok|degraded"'
SERVICES = 'job=~"target|inference"'

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

CALLS = "target_model_calls_total"
NOT_OK = 'status!="200"'
PROVIDER = Dashboard(
    "harness-provider",
    "Provider",
    panels=[
        Panel("Calls by model", "Per second.", "reqps", [Query(rate(CALLS, "model"), "{{model}}")]),
        Panel(
            "Calls that failed",
            "Per second, by HTTP status; 429 is a rate limit.",
            "reqps",
            [Query(f"{rate(CALLS, 'status', NOT_OK)} or vector(0)", "{{status}}")],
        ),
        Panel(
            "p95 of a call by model",
            "As the service measures it.",
            "s",
            [Query(quantile(0.95, "target_model_call_duration_seconds", "model"), "{{model}}")],
        ),
        Panel(
            "p95 of queue, prefill and decode",
            "As the provider tells them.",
            "s",
            [Query(quantile(0.95, "target_model_phase_seconds", "phase"), "{{phase}}")],
        ),
        Panel(
            "Tokens",
            "Per second.",
            "none",
            [Query(rate("target_tokens_total", "model, direction"), "{{model}} {{direction}}")],
        ),
        Panel(
            "Retries",
            "Calls that repeat a failed one, per second.",
            "reqps",
            [Query(f"{rate('target_retries_total', 'model')} or vector(0)", "{{model}}")],
        ),
        Panel(
            "Cases in the service",
            "In work, and waiting for a place.",
            "none",
            [
                Query("sum (target_cases_in_flight)", "in work"),
                Query("sum (target_cases_queued)", "waiting"),
            ],
        ),
        Panel(
            "Connections to the provider",
            "Open, and in use.",
            "none",
            [Query("sum by (state) (target_provider_connections)", "{{state}}")],
        ),
        Panel(
            "Decode slots of the simulator",
            "In use, and as many as there are.",
            "none",
            [
                Query("sum by (model) (inference_decode_slots_in_use)", "{{model}}"),
                Query("sum by (model) (inference_decode_slots)", "{{model}} slots", is_limit=True),
            ],
        ),
        Panel(
            "Requests in line for a slot",
            "More than none for long: the provider is saturated.",
            "none",
            [Query("sum by (model) (inference_decode_slots_waiting)", "{{model}}")],
        ),
        Panel(
            "p95 wait of the simulator before a prompt is read",
            "The profile's queue, and the wait for a slot.",
            "s",
            [Query(quantile(0.95, "inference_queue_seconds", "model"), "{{model}}")],
        ),
        Panel(
            "Refusals and faults of the simulator",
            "Per second: rate limits, and faults that were asked for.",
            "reqps",
            [
                Query(f"{rate('inference_rate_limited_total', 'limit')} or vector(0)", "limit {{limit}}"),
                Query(f"{rate('inference_faults_total', 'kind')} or vector(0)", "fault {{kind}}"),
            ],
        ),
        Panel(
            "CPU of the services",
            "1 is one CPU. A service of several processes tells none.",
            "none",
            [Query(f"rate(process_cpu_seconds_total{{{SERVICES}}}{R})", "{{job}}")],
        ),
        Panel(
            "Memory of the services",
            "Resident.",
            "bytes",
            [Query(f"process_resident_memory_bytes{{{SERVICES}}}", "{{job}}")],
        ),
    ],
)

BEATS = "harness_worker_heartbeats"
GENERATOR = Dashboard(
    "harness-generator",
    "Generator health",
    panels=[
        stat("Workers", "That belong to the run and are not lost.", "none", "sum (harness_worker_up)"),
        stat(
            "Workers lost",
            "One makes the run INVALID.",
            "none",
            "count (harness_worker_up == 0) or vector(0)",
        ),
        stat("Samples missing", "One makes the run INVALID.", "none", "harness_samples_missing"),
        stat(
            "Dropped",
            "Arrivals per second: too many in flight.",
            "reqps",
            rate("harness_arrivals_dropped_total"),
        ),
        stat(
            "Longest silence",
            "Of a worker; they report every 3 s.",
            "s",
            "max (harness_worker_silent_seconds)",
        ),
        stat(
            "Rows in `other`", "Rows whose labels had no room.", "none", "sum (harness_series_folded_total)"
        ),
        Panel(
            "Event loop busy",
            "Share of time; above 90 % for 5 s the measurement is INVALID.",
            "percentunit",
            [Query("harness_worker_loop_busy_ratio", "worker {{worker}}")],
            limit=0.9,
        ),
        Panel(
            "CPU of workers and their machines",
            "Of a worker 1 is one CPU, of a machine all its CPUs.",
            "percentunit",
            [
                Query("harness_worker_cpu_ratio", "worker {{worker}}"),
                Query("harness_worker_machine_cpu_ratio", "machine of {{worker}}"),
            ],
        ),
        Panel(
            "Heartbeats more than 20 ms late",
            "Share; above 1 % the measurement is INVALID.",
            "percentunit",
            [
                Query(
                    f"{rate(f'{BEATS}_late_total', 'worker')} / {rate(f'{BEATS}_total', 'worker')}",
                    "worker {{worker}}",
                )
            ],
            limit=0.01,
        ),
        Panel(
            "Largest lag of the event loop",
            "In 10 s.",
            "s",
            [Query("harness_worker_loop_lag_max_seconds", "worker {{worker}}")],
            limit=0.02,
        ),
        Panel(
            "Largest delay behind the schedule",
            "In 10 s. In a closed loop there is no schedule to be behind.",
            "s",
            [Query("harness_worker_schedule_delay_max_seconds", "worker {{worker}}")],
        ),
        Panel(
            "Arrivals late and dropped",
            "Per second. Late: more than 5 ms.",
            "reqps",
            [
                Query(rate("harness_arrivals_late_total", "worker"), "late, worker {{worker}}"),
                Query(rate("harness_arrivals_dropped_total", "worker"), "dropped, worker {{worker}}"),
            ],
        ),
        Panel("In flight", "Requests.", "none", [Query("harness_worker_in_flight", "worker {{worker}}")]),
        Panel("Users", "Per worker.", "none", [Query("harness_worker_users", "worker {{worker}}")]),
        Panel(
            "CPU of the master",
            "1 is one CPU; a local run's is the generator's.",
            "none",
            [Query(f'rate(process_cpu_seconds_total{{job="harness"}}{R})', "master")],
        ),
        Panel(
            "Memory of the master",
            "Resident.",
            "bytes",
            [Query('process_resident_memory_bytes{job="harness"}', "master")],
        ),
    ],
)

DASHBOARDS = (LOAD, COMPONENTS, PROVIDER, GENERATOR)
