"""The HTTP and WebSocket client for URLs that users give us: callbacks and audio. Nothing else connects to
them."""
