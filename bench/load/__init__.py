"""Load generators and receivers, each in a process of its own."""
