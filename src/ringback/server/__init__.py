"""HTTP and WebSocket: connections, routes, auth, status codes, error bodies. Lower packages decide."""
