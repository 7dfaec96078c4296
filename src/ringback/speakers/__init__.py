"""Who spoke: voices into clusters, words to speakers, and what a live stream has been told. Pure."""
