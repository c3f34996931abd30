"""Time series of CloudWatch for one user."""
