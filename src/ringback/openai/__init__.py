"""OpenAI's form of a transcription: the fields that ask for one, and the documents that answer. Pure."""
