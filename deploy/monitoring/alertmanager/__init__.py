"""Who is told, and how: writes Alertmanager's configuration."""
