"""Logs Insights queries: what may be asked, divided and scanned, and what the rows say. Pure."""
