"""What we write back, and how it leaves."""
