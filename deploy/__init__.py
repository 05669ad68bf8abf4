"""Running the services: images, hosts, monitoring, backup; local/ is for one machine without
containers."""
