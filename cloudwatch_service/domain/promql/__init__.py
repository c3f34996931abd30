"""CloudWatch's PromQL: what may be asked and what the answers say. Pure."""
