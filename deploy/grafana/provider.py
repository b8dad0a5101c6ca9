"""Provider: the models behind the service, and the services' own machines."""

from deploy.grafana.panels import Dashboard, Panel, Query, R, quantile, rate

SERVICES = 'job=~"target|inference"'
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
