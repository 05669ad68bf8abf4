"""HTTP middleware, problem documents, tracing."""
