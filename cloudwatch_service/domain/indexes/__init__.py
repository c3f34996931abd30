"""Which fields of a log group are worth an index. Pure."""
