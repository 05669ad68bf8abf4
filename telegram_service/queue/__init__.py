"""Updates accepted once, one chat at a time in order."""
