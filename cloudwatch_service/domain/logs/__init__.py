"""Log groups, their fields, patterns and anomalies: what AWS's answers say. Pure."""
