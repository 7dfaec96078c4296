"""Weights for Ringback's extras: the files in this folder. See `NOTICE` for their licences."""
