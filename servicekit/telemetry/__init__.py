"""Tracing that tells the truth: true statuses, kept cancellation, and the verified user on every span."""
