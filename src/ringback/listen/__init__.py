"""The contract of `/v1/listen`: what may be asked, and how the answers look. Pure, no I/O."""
