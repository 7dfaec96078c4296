"""Jobs of one sequence: strictly one at a time, in the order in which they were added.

The first live job of a sequence is queued, unless another is being worked on; all others are held. The
unique index `live_job_in_turn` says the same.
"""

from ringback.jobs.job import State
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.rows import Live
from ringback.storage.sqlite.transaction import Transaction

_SEQUENCES = load("sequences.sql")
_IN_TURN = _SEQUENCES["in_turn"]
_FIRST_OF_SEQUENCE = _SEQUENCES["first_of_sequence"]
_HOLD = _SEQUENCES["hold"]
_RELEASE = _SEQUENCES["release"]
_HELD_BEHIND = _SEQUENCES["held_behind"]

_TRANSITIONS = load("transitions.sql")
_LANE_DUE_EARLIER = _TRANSITIONS["lane_due_earlier"]
_LANE_FIRST_DUE = _TRANSITIONS["lane_first_due"]
_LEAVE_LIVE = _TRANSITIONS["leave_live"]


class Sequences:
    """Used by the writer's thread alone."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._execute = transaction.execute

    def put_in_order(self, sequence: str) -> None:
        """Whose turn is it now? To be asked whenever a job has joined or left, or gave its lease back."""
        in_turn = self._execute(_IN_TURN, {"sequence": sequence}).fetchone()
        if in_turn is not None and in_turn[2] == State.LEASED:
            return
        first = self._execute(_FIRST_OF_SEQUENCE, {"sequence": sequence}).fetchone()
        if first is None or (in_turn is not None and in_turn[0] == first[0]):
            return
        if in_turn is not None:
            self._hold(*in_turn[:2])
        self._release(*first)

    def park_behind(self, parked: Live) -> None:
        """Those that were held behind a parked job could only come out of order: they are parked too."""
        asked = {"sequence": parked.sequence, "number": parked.number}
        held = [Live(*row) for row in self._execute(_HELD_BEHIND, asked)]
        for live in held:
            self._execute(_LEAVE_LIVE, (live.number,))
            self._transaction.end(live, State.PARKED, tries=live.tries, losses=live.losses, code=live.code)

    def _hold(self, number: int, lane: int) -> None:
        self._execute(_HOLD, (number,))
        self._execute(_LANE_FIRST_DUE, {"lane": lane})

    def _release(self, number: int, lane: int, due_at: float, kind: str) -> None:
        due_at = max(due_at, self._transaction.now)
        self._execute(_RELEASE, (due_at, number))
        self._execute(_LANE_DUE_EARLIER, {"lane": lane, "due_at": due_at})
        self._transaction.changes.kinds.add(kind)
