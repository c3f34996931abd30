"""The gRPC servicers: proto messages to domain values and back, nothing else."""
