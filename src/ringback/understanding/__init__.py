"""What a text says: sentiment and summary built in; topics, intents, and better ones of both, by an
operator's language model. It knows texts alone: no requests, no callers, no keys of theirs."""
