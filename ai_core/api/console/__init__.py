"""The desk at /console: pages rendered on the server, forms, and the actions that each declares."""
