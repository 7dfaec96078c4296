"""Callbacks: what is sent to a receiver, when, and what its answer means."""
