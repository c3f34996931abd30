"""Alarms: what AWS's answers about them say, and which ones to recommend. Pure."""
