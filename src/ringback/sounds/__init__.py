"""How words sound: for finding terms that a recogniser may have written otherwise. Pure."""
