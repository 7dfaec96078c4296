"""Child processes that the server starts from its own modules, and talks with over a socket pair.

`process` is the server's side, `connection` the child's, `framing` what travels between them.
"""
