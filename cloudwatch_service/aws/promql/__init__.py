"""CloudWatch's PromQL API for one user."""
