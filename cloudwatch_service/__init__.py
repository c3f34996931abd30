"""The only process that calls CloudWatch, always with credentials of the verified user of the current call."""
