"""The only process that validates tokens, decides the policy, holds the AWS service identity and assumes roles."""
