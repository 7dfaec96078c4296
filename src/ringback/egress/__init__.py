"""The only door to URLs that users give us: callbacks to call and audio to fetch."""
