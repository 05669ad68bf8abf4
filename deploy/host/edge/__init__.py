"""The nginx in front of a service: renders its configuration from `nginx/`."""
