"""Tables and plots of docs/performance/; `make plots` writes them from bench/results/ and figures.json."""
