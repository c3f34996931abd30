"""The season, trend and statistics of a metric. Pure."""
