"""What every benchmark here stands on: children, the server, the process tree's costs, the report."""
