"""A key's own limits, where it has them, and else the server's."""

import pytest

from ringback.jobs.job import Allowance
from ringback.keys import KeyLimits
from ringback.server.allowances import allowance_of, largest_upload


@pytest.mark.parametrize(
    ("own", "server", "jobs"),
    [(None, 0, None), (None, 5, 5), (3, 5, 3), (7, 5, 7), (0, 5, None), (3, 0, 3)],
)
def test_the_keys_own_word_counts_and_0_is_no_limit(own: int | None, server: int, jobs: int | None) -> None:
    by_number = KeyLimits(requests=server, queued_bytes=0)
    by_weight = KeyLimits(requests=0, queued_bytes=server)
    assert allowance_of(KeyLimits(requests=own), by_number) == Allowance(jobs, None)
    assert allowance_of(KeyLimits(queued_bytes=own), by_weight) == Allowance(None, jobs)


@pytest.mark.parametrize(("weight", "largest"), [(None, 100), (30, 30), (300, 100)])
def test_what_could_never_be_accepted_is_too_large(weight: int | None, largest: int) -> None:
    assert largest_upload(Allowance(None, weight), 100) == largest
