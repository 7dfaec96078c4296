"""What the moves of a group must lock and look at, gathered before anything is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ringback.jobs.job import Allowance, JobId, NewJob
from ringback.jobs.lane import FIRST_CAP


@dataclass(slots=True)
class Wanted:
    """What the moves of a group must lock and look at."""

    fixed_caps: Mapping[str, int]
    lanes: dict[tuple[str, str], int] = field(default_factory=dict)
    """Kind and name of new jobs' lanes → the cap if it is a new one."""
    sequences: set[str] = field(default_factory=set)
    live: set[JobId] = field(default_factory=set)
    parked: set[JobId] = field(default_factory=set)
    words: set[tuple[str, str]] = field(default_factory=set)
    usages: set[tuple[str, str]] = field(default_factory=set)
    """Accessor and kind of new jobs."""
    checks_usages: bool = False
    """Whether an allowance is checked."""
    new: int = 0

    def add(self, jobs: Sequence[NewJob], allowance: Allowance | None = None) -> None:
        for job in jobs:
            self.new += 1
            self.lanes[job.kind, job.lane] = self.fixed_caps.get(job.kind, FIRST_CAP)
            if job.sequence is not None:
                self.sequences.add(job.sequence)
            if job.once is not None:
                self.words.add((job.accessor or "", job.once.word))
            if job.accessor is not None:
                self.usages.add((job.accessor, job.kind))
        self.checks_usages = self.checks_usages or allowance is not None
