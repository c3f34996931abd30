"""What a user may use at a time and in a time, counted by all replicas together where they share state."""
