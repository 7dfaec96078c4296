"""Recognisers: what one is (`base`), which there are (`registry`), and how they are run (`pool`)."""
