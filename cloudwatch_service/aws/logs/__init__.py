"""Log groups, their fields, patterns and anomalies for one user."""
