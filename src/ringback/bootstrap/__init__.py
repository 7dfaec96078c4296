"""The one place where ports meet what implements them, and where the order of start and stop is set.

`ledger`   the ledger that the settings name, for the server and for commands
`context`   what every process stands on
`roles`    what each role adds to it
`serving`  the process: signals, start, stop
"""
