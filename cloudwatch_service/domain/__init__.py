"""What CloudWatch answers mean. Pure: no gRPC, no AWS SDK, no clock of its own."""
