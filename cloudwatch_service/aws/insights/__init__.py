"""Logs Insights for one user: running, admitting and ending queries."""
