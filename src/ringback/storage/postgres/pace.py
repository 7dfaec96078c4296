"""How closely a node's transactions follow each other. Pure."""

LONGEST_PAUSE = 0.02


class TransactionPace:
    """Leaves as much time behind a transaction as it took: what is asked for meanwhile joins the next one.

    A transaction takes long when other nodes hold the lanes or the processor; then fewer with more in each
    cost all nodes less. Moments are of one clock, in seconds.
    """

    def __init__(self, longest: float = LONGEST_PAUSE) -> None:
        """`longest`: seconds of a pause."""
        self._longest = longest
        self._free_at = 0.0

    def pause(self, now: float) -> float:
        """Seconds until the next transaction may begin; 0: at once."""
        return max(self._free_at - now, 0.0)

    def follow(self, began: float, ended: float) -> None:
        """The next transaction keeps its distance from this one."""
        self._free_at = ended + min(ended - began, self._longest)
