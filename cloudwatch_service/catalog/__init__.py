"""Where the metric catalog comes from: two sources on disk, read once. No AWS, no gRPC."""
