"""One durable queue: its rules (`job`, `lane`, `batch`), its port (`store`) and its workers."""
