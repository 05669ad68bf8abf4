"""What the three services share: the client of ai_core, errors, settings, logs, texts, stores, web.

It imports no service. A module here serves at least two of them, or a module here that does.
"""
