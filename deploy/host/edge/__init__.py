"""The nginx in front of a service: its configuration, written out from `nginx/`."""
