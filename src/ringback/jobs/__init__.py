"""One durable queue: its rules (`job`, `lane`, `retry`), its port (`store`) and its movers."""
