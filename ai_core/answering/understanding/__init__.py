"""What a message means before the law is searched: the facts it tells, and what it asks."""
