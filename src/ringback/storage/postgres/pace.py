"""How closely a node's transactions follow each other. Pure."""

LONGEST_PAUSE = 0.02
PAUSED = 0.75
"""A node pauses for this part of what others need. The rest it waits: that shows that they are there."""
LEAST_WAIT = 0.001
"""Seconds; a shorter one is no wait for another node, but what it takes to lock some rows."""


class TransactionPace:
    """Turns the time that transactions wait for other nodes' lanes into time between them: what is asked
    for meanwhile joins the next one. One that already waits for its locks takes up no more.

    Moments are of one clock, in seconds.
    """

    def __init__(self) -> None:
        self._pause = 0.0
        self._free_at = 0.0

    def pause(self, now: float) -> float:
        """Seconds until the next transaction may begin; 0: at once."""
        return max(self._free_at - now, 0.0)

    def follow(self, ended: float, waited: float) -> None:
        """A transaction that waited so long for its locks has ended.

        What it waited and the pause before it are what others needed. Without waits there soon is no pause.
        """
        needed = self._pause + (waited if waited > LEAST_WAIT else 0.0)
        self._pause = min(PAUSED * needed, LONGEST_PAUSE)
        self._free_at = ended + self._pause
