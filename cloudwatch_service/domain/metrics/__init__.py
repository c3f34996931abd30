"""Metric data: what to ask and what the series say. Pure."""
