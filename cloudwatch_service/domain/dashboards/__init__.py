"""Dashboards, widgets and Contributor Insights: what to ask and what the answers say. Pure."""
