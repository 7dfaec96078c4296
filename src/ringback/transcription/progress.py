"""How far each running transcription on this node is, for whoever looks while it runs."""

from dataclasses import dataclass

from ringback.jobs.job import JobId


@dataclass(frozen=True, slots=True)
class Reached:
    """Seconds of audio recognised, and the recording's length where the container claims one."""

    seconds: float
    duration: float | None


class Progress:
    """A blackboard in memory: written by the handlers, read by the history routes."""

    def __init__(self) -> None:
        self._reached: dict[JobId, Reached] = {}

    def reach(self, job: JobId, seconds: float, duration: float | None) -> None:
        self._reached[job] = Reached(seconds, duration)

    def end(self, job: JobId) -> None:
        self._reached.pop(job, None)

    def of(self, job: JobId) -> Reached | None:
        return self._reached.get(job)
