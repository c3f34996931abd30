"""Connecting users' own AWS sign-ins of IAM Identity Center: use cases. The database and AWS are adapters' business."""
