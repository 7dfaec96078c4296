"""The tables and plots of docs/performance/, both made from figures.json. `make plots` writes them."""
