"""Stand-ins for the APIs of the chat channels, on loopback: as strict as the real ones."""
