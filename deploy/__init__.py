"""What runs the services; local/ is for one machine without containers."""
