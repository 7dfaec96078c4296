"""What is said, how it is written, and what is found in it: one module for each kind of thing."""
