"""What tests of the installed program stand on: the server as a process, a receiver, error rates."""
