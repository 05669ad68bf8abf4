"""From raw bytes to what the sender wrote, in a confined process."""
