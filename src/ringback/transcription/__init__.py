"""The main job: what was ordered (`request`), by which model (`model`), carrying it out (`transcribe`), its
progress (`progress`), and deleting what is no longer needed (`sweep`, `retention`)."""
