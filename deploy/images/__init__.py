"""The Dockerfiles, and the official images they and the compose files name by digest."""
