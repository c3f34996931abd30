"""Calls to AWS: pooled clients that sign as one user, and the operations that the RPCs need."""
