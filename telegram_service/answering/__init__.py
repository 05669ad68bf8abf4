"""From an update to a shown answer."""
