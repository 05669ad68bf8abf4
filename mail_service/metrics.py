"""The metrics of mail_service; none is per person."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 240, 300, 600)


class MailMetrics:
    """Counters and gauges of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.taken_in = Counter(
            "mail_taken_in", "Mails written to the ledger.", ["mailbox"], registry=registry
        )
        self.settled = Counter(
            "mail_settled", "Mails by what became of them.", ["state"], registry=registry
        )
        self.delivered = Counter(
            "mail_delivered", "Deliveries by how they ended.", ["state"], registry=registry
        )
        self.lost = Counter(
            "mail_connection_lost", "Connections given up.", ["what"], registry=registry
        )
        self.difference = Gauge(
            "mail_audit_difference",
            "Mails marked as done on the server that the ledger does not hold.",
            ["mailbox"],
            registry=registry,
        )
        self.connected = Gauge(
            "mail_mailbox_connected", "1 while the mailbox is read.", ["mailbox"], registry=registry
        )
        self.relay_paused = Gauge(
            "mail_relay_paused", "1 while the relay refuses us.", ["mailbox"], registry=registry
        )
        self.seconds_to_settle = Histogram(
            "mail_seconds_to_settle",
            "From intake to what became of the mail.",
            buckets=SECONDS,
            registry=registry,
        )


class LedgerMetrics:
    """The counts of the ledger, read when the API is scraped."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rows = Gauge(
            "mail_ledger_rows", "Mails and replies by state.", ["state"], registry=registry
        )
        self._oldest = Gauge(
            "mail_oldest_waiting_seconds", "Age of the oldest mail not settled.", registry=registry
        )

    def observe(self, counts: Mapping[str, int], oldest_s: float) -> None:
        """Set the current counts; a state without rows is removed."""
        self._rows.clear()
        for state, number in counts.items():
            self._rows.labels(state).set(number)
        self._oldest.set(oldest_s)
