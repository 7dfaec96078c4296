"""Who spoke: conversations with known turns, and how much of them is given to the right person."""
