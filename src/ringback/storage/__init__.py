"""The ledger's implementations, one folder per database."""
