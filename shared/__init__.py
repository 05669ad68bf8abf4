"""Code shared by the three services: ai_core's contract and client, errors, settings, logs,
privacy, texts, stores, web.

It imports no service. A module here serves at least two of them, or a module here that does.
"""
