"""The contract of ai_core, and its client."""
