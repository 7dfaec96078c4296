"""Live streams: the shell around the sans-IO conversation of `listen.live`."""
