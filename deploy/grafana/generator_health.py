"""Generator health: whether the load generator measures itself, by the limits of the validity verdict."""

from deploy.grafana.panels import Dashboard, Panel, Query, R, rate, stat

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
