"""A model in a child process, and the protocol between parent and child."""
