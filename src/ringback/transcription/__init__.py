"""The main job: what was ordered (`request`), by which model (`model`), carrying it out (`transcribe`), how
far it is (`progress`), and what nobody needs any more (`sweep`, `retention`)."""
