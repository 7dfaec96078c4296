"""A deterministic Deepgram for tests (`ringback mock`, and a pytest fixture): it hears nothing, and answers
what a script says. No ledger, no recogniser, no processes."""
