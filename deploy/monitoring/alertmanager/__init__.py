"""Recipients of alerts and their channels: writes Alertmanager's configuration."""
