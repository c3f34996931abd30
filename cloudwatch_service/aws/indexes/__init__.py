"""What advice on indexes is made from, read for one user."""
