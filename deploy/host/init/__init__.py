"""`./neo init`: the settings and secrets of a production host.

Standard library only, so that a host with nothing but Docker and Python needs no virtual
environment.
"""
