"""The main job: what was ordered (`request`), carrying it out (`transcribe`), how far it is (`progress`)."""
