"""The dashboards: an overview, and one for each service.

`python -m deploy.monitoring.grafana` writes them as JSON beside this file, where Grafana reads
them; tests run every expression on a live Prometheus and compare the files with this code.
"""

from deploy.monitoring.grafana.panels import Dashboard, Panel

CRITICAL = 'count(ALERTS{alertstate="firing", severity="critical"}) or vector(0)'
WARNING = 'count(ALERTS{alertstate="firing", severity="warning"}) or vector(0)'


def http(job: str) -> tuple[Panel, ...]:
    """Return the rows of a service's HTTP metrics."""
    routes = f'http_requests_total{{job="{job}", route!="unmatched"}}'
    return (
        Panel(
            "Requests by route",
            ((f"sum by (route) (rate({routes}[5m]))", "{{route}}"),),
            "reqps",
        ),
        Panel(
            "Share of errors (5xx)",
            ((f'job:http_errors:ratio_rate5m{{job="{job}"}}', "5xx"),),
            "percentunit",
            alarm=0.05,
        ),
        Panel(
            "p95 by route",
            ((f'job_route:http_request_duration_seconds:p95_5m{{job="{job}"}}', "{{route}}"),),
            "s",
        ),
    )


def process(job: str) -> tuple[Panel, ...]:
    """Return the rows of a service's process metrics."""
    of = f'{{job="{job}"}}'
    return (
        Panel("Memory", ((f"process_resident_memory_bytes{of}", "{{instance}}"),), "bytes"),
        Panel(
            "Processor",
            ((f"rate(process_cpu_seconds_total{of}[5m])", "{{instance}}"),),
            "percentunit",
        ),
        Panel("Open files", ((f"process_open_fds{of}", "{{instance}}"),)),
    )


SYSTEM = (
    Panel("Disk left", (("instance:disk_free:ratio", "{{instance}} {{path}}"),), "percentunit"),
    Panel("Memory left", (("instance:memory_available:ratio", "{{instance}}"),), "percentunit"),
    Panel("Load per core", (("machine_load / machine_cores", "{{instance}}"),), alarm=4),
    Panel(
        "Certificates end in",
        (("certificate_expiry_timestamp_seconds - time()", "{{address}}"),),
        "s",
        "bargauge",
        width=12,
    ),
    Panel(
        "Age of the backups",
        (("time() - backup_last_success_timestamp_seconds", "{{job}} {{what}}"),),
        "s",
        "bargauge",
        width=12,
        alarm=26 * 3600,
    ),
)

HOSTS = (
    Panel(
        "Left of each filesystem",
        (
            (
                "node_filesystem_avail_bytes / node_filesystem_size_bytes",
                "{{instance}} {{mountpoint}}",
            ),
        ),
        "percentunit",
    ),
    Panel(
        "Disks busy",
        (("rate(node_disk_io_time_seconds_total[5m])", "{{instance}} {{device}}"),),
        "percentunit",
        alarm=0.95,
    ),
    Panel(
        "Written to disks",
        (("rate(node_disk_written_bytes_total[5m])", "{{instance}} {{device}}"),),
        "Bps",
    ),
    Panel(
        "Received and sent",
        (
            ("rate(node_network_receive_bytes_total[5m])", "{{instance}} {{device}} in"),
            ("rate(node_network_transmit_bytes_total[5m])", "{{instance}} {{device}} out"),
        ),
        "Bps",
    ),
    Panel(
        "Damaged packets",
        (("instance_device:network_errors:ratio_rate5m", "{{instance}} {{device}}"),),
        "percentunit",
        alarm=0.01,
    ),
)

OVERVIEW = Dashboard(
    "neo-overview",
    "Neo: overview",
    (
        (
            "Now",
            (
                Panel("Critical alerts", ((CRITICAL, ""),), kind="stat", width=4, alarm=1),
                Panel("Warnings", ((WARNING, ""),), kind="stat", width=4, alarm=1),
                Panel(
                    "Programs up", (("sum(up)", "up"), ("count(up)", "of")), kind="stat", width=4
                ),
                Panel(
                    "Age of the law (days)",
                    (("corpus_age_days", ""),),
                    kind="stat",
                    width=4,
                    alarm=45,
                ),
                Panel("Oldest mail", (("mail_oldest_waiting_seconds", ""),), "s", "stat", 4, 240),
                Panel("Oldest update", (("telegram_oldest_seconds", ""),), "s", "stat", 4, 60),
            ),
        ),
        (
            "Business",
            (
                Panel(
                    "Conversations begun per hour, by language and channel",
                    (("channel_language:conversations:increase1h", "{{channel}} {{language}}"),),
                    width=12,
                    stacked=True,
                ),
                Panel(
                    "Topics of a day's answers",
                    (
                        (
                            "topk(15, sum by (topic) (increase(answer_topics_total[1d])))",
                            "{{topic}}",
                        ),
                    ),
                    kind="bargauge",
                    width=12,
                ),
                Panel(
                    "Satisfied: thumbs up of all, a day (Telegram)",
                    (("job:telegram_thumbs_up:ratio_increase1d", "satisfied"),),
                    "percentunit",
                ),
                Panel(
                    "Satisfied: thumbs up of all, seven days, by language",
                    (("language:satisfaction:ratio_7d", "{{language}}"),),
                    "percentunit",
                ),
                Panel(
                    "Accuracy of the answers that editors judged, 30 days",
                    (("accuracy:reviewed_answers:ratio_30d", "{{accuracy}}"),),
                    "percentunit",
                    stacked=True,
                ),
                Panel(
                    "Abstentions per hour, by reason",
                    (("sum by (reason) (increase(abstentions_total[1h]))", "{{reason}}"),),
                    stacked=True,
                ),
                Panel(
                    "Citations removed per hour, by model",
                    (("sum by (model) (increase(citations_removed_total[1h]))", "{{model}}"),),
                ),
            ),
        ),
        (
            "Application",
            (
                Panel("Requests", (("job:http_requests:rate5m", "{{job}}"),), "reqps"),
                Panel(
                    "Share of errors (5xx)",
                    (("job:http_errors:ratio_rate5m", "{{job}}"),),
                    "percentunit",
                    alarm=0.05,
                ),
                Panel("Parts that answer", (("part_up", "{{job}} {{part}}"),)),
            ),
        ),
        ("System", SYSTEM),
        ("Hosts", HOSTS),
    ),
)

AI_CORE = Dashboard(
    "neo-ai-core",
    "Neo: ai_core",
    (
        ("Requests", http("ai_core")),
        (
            "Answers",
            (
                Panel(
                    "p95 to the first piece",
                    (("model:time_to_first_token_seconds:p95_5m", "{{model}}"),),
                    "s",
                    alarm=10,
                ),
                Panel(
                    "p95 of whole answers",
                    (("model:e2e_request_latency_seconds:p95_5m", "{{model}}"),),
                    "s",
                    alarm=60,
                ),
                Panel(
                    "Answers by how they ended",
                    (("sum by (end) (rate(answers_total[5m]))", "{{end}}"),),
                    "reqps",
                    stacked=True,
                ),
                Panel("Being written", (("num_requests_running", "{{model}}"),)),
                Panel("Waiting for a turn", (("num_requests_waiting", "{{model}}"),), alarm=20),
                Panel(
                    "p95 of the wait",
                    (("model:request_queue_time_seconds:p95_5m", "{{model}}"),),
                    "s",
                    alarm=10,
                ),
                Panel(
                    "Tokens per second",
                    (("sum by (model) (rate(generation_tokens_total[5m]))", "{{model}}"),),
                ),
                Panel("Model restarts", (("increase(model_restarts_total[1h])", "{{model}}"),)),
                Panel(
                    "Known from the cache",
                    (("job:answer_cache_hits:ratio_rate5m", "hits"),),
                    "percentunit",
                ),
            ),
        ),
        (
            "The law",
            (
                Panel(
                    "p95 of a search",
                    (("job:search_seconds:p95_5m", "search"),),
                    "s",
                ),
                Panel("Age (days)", (("corpus_age_days", "age"),), alarm=45),
                Panel("Articles", (("corpus_articles", "articles"),)),
            ),
        ),
        (
            "The gate",
            (
                Panel(
                    "Refused, by reason",
                    (("sum by (reason) (rate(gate_refused_total[5m]))", "{{reason}}"),),
                    "reqps",
                ),
                Panel(
                    "Decided without Redis",
                    (("rate(gate_decided_alone_total[5m])", "{{instance}}"),),
                    "reqps",
                ),
                Panel("Requests open", (('http_requests_open{job="ai_core"}', "{{instance}}"),)),
            ),
        ),
        ("Processes", process("ai_core")),
    ),
)

TELEGRAM = Dashboard(
    "neo-telegram",
    "Neo: telegram_service",
    (
        (
            "Updates",
            (
                Panel(
                    "Accepted, answered, ignored",
                    tuple(
                        (f"rate(telegram_{name}_total[5m])", name)
                        for name in ("accepted", "answered", "ignored", "duplicates")
                    ),
                    "reqps",
                ),
                Panel(
                    "Acknowledged − answered: waiting, and lost",
                    (("telegram_waiting", "waiting"), ("telegram_lost", "lost")),
                ),
                Panel("Oldest waiting", (("telegram_oldest_seconds", "oldest"),), "s", alarm=60),
                Panel(
                    "p95 to the first sign and to the whole answer",
                    (
                        (
                            "histogram_quantile(0.95, sum by (le) "
                            "(rate(telegram_first_sign_seconds_bucket[5m])))",
                            "first sign",
                        ),
                        ("job:telegram_final_seconds:p95_5m", "answer"),
                    ),
                    "s",
                ),
                Panel(
                    "Thumbs per hour",
                    (
                        ("increase(telegram_thumbs_up_total[1h])", "up"),
                        ("increase(telegram_thumbs_down_total[1h])", "down"),
                    ),
                ),
                Panel(
                    "What must not happen, per hour",
                    tuple(
                        (f"increase(telegram_{name}_total[1h])", name.replace("_", " "))
                        for name in ("dead", "disordered", "resent_blindly", "refused_429")
                    ),
                    alarm=1,
                ),
            ),
        ),
        ("Requests", http("telegram_service")),
        ("Processes", process("telegram_service")),
    ),
)

MAIL = Dashboard(
    "neo-mail",
    "Neo: mail_service",
    (
        (
            "Mails",
            (
                Panel(
                    "Taken in per hour",
                    (("sum by (mailbox) (increase(mail_taken_in_total[1h]))", "{{mailbox}}"),),
                ),
                Panel(
                    "What became of them, per hour",
                    (("sum by (state) (increase(mail_settled_total[1h]))", "{{state}}"),),
                    stacked=True,
                ),
                Panel(
                    "Oldest waiting", (("mail_oldest_waiting_seconds", "oldest"),), "s", alarm=240
                ),
                Panel(
                    "p95 until settled",
                    (("job:mail_seconds_to_settle:p95_15m", "p95"),),
                    "s",
                    alarm=300,
                ),
                Panel("The ledger", (("mail_ledger_rows", "{{state}}"),)),
                Panel(
                    "Deliveries per hour",
                    (("sum by (state) (increase(mail_delivered_total[1h]))", "{{state}}"),),
                ),
                Panel("Mailboxes read", (("mail_mailbox_connected", "{{mailbox}}"),)),
                Panel("Relays that refuse", (("mail_relay_paused", "{{mailbox}}"),), alarm=1),
                Panel(
                    "Marked but not in the ledger",
                    (("mail_audit_difference", "{{mailbox}}"),),
                    alarm=1,
                ),
            ),
        ),
        ("Requests", http("mail_service")),
        ("Processes", process("mail_service")),
    ),
)

ALL = (OVERVIEW, AI_CORE, TELEGRAM, MAIL)
