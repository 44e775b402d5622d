"""@heidi/metrics: Prometheus metrics, and the probes of an orchestrator.

exporter: `/metrics`; `counter`, `gauge` and `histogram` define metrics that are correct with several processes.
request_metrics: the duration and number of requests.
platform_collector: gauges that are read at each scrape (outbox, inbox, memory, CPU, database connections).
delivery_speed: how many messages were sent in time.
problem_gauges: gauges that the models of services define.
platform_states: what alerts need to know of backups, migrations, certificates and credentials.
certificate: the expiry of the public certificate.
waiting_work: how much work of each kind waits, and for how long.
heartbeat: heartbeats of background processes. clock_state: whether the clock processes trust the time.
time_series: counters over time, for charts. series: which there are. histogram_buckets: percentiles of them.
attention: what an operator should look at.
metric_files: the files in which the processes of a service share their metrics.
health: `/healthz` (liveness) and `/readyz` (readiness).
"""
