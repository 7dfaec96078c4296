"""The contract of `/v1/listen`: its query parameters, live messages and result documents. Pure, no I/O."""
