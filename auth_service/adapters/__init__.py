"""What the rules need from outside: issuers' keys, AWS STS, files. No decisions are made here."""
