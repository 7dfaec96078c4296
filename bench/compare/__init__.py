"""Two commits of Ringback, by turns in the same run: accepts, deliveries and recordings.

`python -m bench.compare COMMIT` measures the work tree beside COMMIT, which is checked out into a folder.
Both run in this environment, each with its own `src` and `bench`. A busy machine bends the processor time
least; ratios are taken round by round, and the order is reversed from round to round.
"""
