"""Who is recognised next, and with whom."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.engines.base import VOICES_TASK, Quality, Task, Urgency
from ringback.engines.segment_queue import Segment, SegmentQueue, UtteranceSoFar
from support.segments import TASK, Make, maker, queue_of


@pytest.fixture
def make() -> Make:
    return maker()


def test_a_request_alone_uses_every_thread(make: Make) -> None:
    first, second = make(), make()
    queue = queue_of(first, second)
    assert queue.take_batch([], threads=2, limit=4) == [first]
    assert queue.take_batch([[first]], threads=2, limit=4) == [second]


def test_many_segments_go_in_full_batches_in_their_order(make: Make) -> None:
    segments = [make() for _ in range(20)]
    queue = queue_of(*segments)
    assert queue.take_batch([], threads=2, limit=4) == segments[:4]
    assert queue.take_batch([segments[:4]], threads=2, limit=4) == segments[4:8]


def batches_taken(queue: SegmentQueue) -> list[list[Segment]]:
    in_flight: list[list[Segment]] = []
    while batch := queue.take_batch(in_flight, threads=2, limit=4):
        in_flight.append(batch)
    return in_flight


def test_of_live_voices_every_thread_has_a_batch_running_and_one_ready_and_no_more(make: Make) -> None:
    voices = [make(task=VOICES_TASK, urgency=Urgency.LIVE_VOICES) for _ in range(50)]
    assert len(batches_taken(queue_of(*voices))) == 4


def test_recordings_wait_until_a_thread_is_free_and_then_share_its_batch(make: Make) -> None:
    queue = queue_of(make(), make())
    first, second = batches_taken(queue)
    late = [make(), make()]
    for segment in late:
        queue.put_segment(segment)
    assert queue.take_batch([first, second], threads=2, limit=4) == []
    assert queue.take_batch([second], threads=2, limit=4) == late


def test_no_batch_has_more_than_its_thread_s_share_of_all_recordings(make: Make) -> None:
    waits = [make() for _ in range(3)]
    assert queue_of(*waits).take_batch([[make()]], threads=2, limit=4) == waits[:2]
    assert queue_of(*waits).take_batch([[make() for _ in range(3)]], threads=2, limit=4) == waits


def test_the_urgent_go_first_and_past_batches_that_lie_ready(make: Make) -> None:
    recordings = [make() for _ in range(40)]
    queue = queue_of(*recordings)
    in_flight = batches_taken(queue)
    partial, final = make(urgency=Urgency.LIVE_PARTIAL), make(urgency=Urgency.LIVE_FINAL)
    queue.put_segment(partial)
    queue.put_segment(final)
    assert queue.take_batch(in_flight, threads=2, limit=4) == [final]
    assert queue.take_batch([*in_flight, [final]], threads=2, limit=4) == [partial]
    assert queue.take_batch([*in_flight, [final], [partial]], threads=2, limit=4) == []


def test_only_equal_tasks_of_like_length_share_a_batch(make: Make) -> None:
    head = make(5.0)
    unlike = [make(15.0), make(5.0, Task("tiny.en", quality=Quality.ACCURATE)), make(5.0, Task("base", "fr"))]
    alike = make(6.0)
    queue = queue_of(head, *unlike, alike)
    assert queue.take_batch([], threads=1, limit=4) == [head, alike]
    assert queue.take_batch([], threads=1, limit=4) == unlike[:1]


def test_the_longest_that_shares_a_batch_has_half_as_much_again_with_the_padding(make: Make) -> None:
    for head, other, together in [(5.0, 9.5, True), (9.5, 5.0, True), (5.0, 9.51, False), (9.51, 5.0, False)]:
        segments = [make(head), make(other)]
        assert queue_of(*segments).take_batch([], threads=1, limit=4) == segments[: 1 + together]


def test_a_batch_is_no_larger_than_keeps_every_thread_busy(make: Make) -> None:
    for count, size in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (9, 4)]:
        segments = [make() for _ in range(count)]
        live = make(urgency=Urgency.LIVE_VOICES)  # of another kind, and does not count
        queue = queue_of(*segments, live)
        assert queue.take_batch([], threads=2, limit=4) == [live]
        assert len(queue.take_batch([[live]], threads=2, limit=4)) == size


def test_a_suspect_runs_with_nothing_beside_it(make: Make) -> None:
    suspect, other = make(crashes=1), make()
    running = [make()]
    queue = queue_of(other, suspect)
    assert queue.take_batch([running], threads=2, limit=4) == []
    assert queue.take_batch([], threads=2, limit=4) == [suspect]
    assert queue.take_batch([[suspect]], threads=2, limit=4) == []
    assert queue.take_batch([], threads=2, limit=4) == [other]


def test_who_left_is_not_recognised(make: Make) -> None:
    discarded, other = make(), make()
    queue = queue_of(discarded, other)
    queue.discard_segment(discarded)
    queue.discard_segment(discarded)
    assert len(queue) == 1
    assert queue.take_batch([], threads=1, limit=4) == [other]
    assert queue.take_batch([], threads=1, limit=4) == []


def turns(batches: list[list[Segment]]) -> list[str]:
    return [segment.source for batch in batches for segment in batch]


def taken(queue: SegmentQueue, limit: int = 1) -> list[list[Segment]]:
    """All batches until the queue is empty, each over before the next is asked for."""
    return list(iter(lambda: queue.take_batch([], threads=1, limit=limit), []))


def test_recordings_take_turns_by_their_request_and_each_keeps_its_order(make: Make) -> None:
    segments = [make(turn=turn) for turn in ("a", "a", "a", "b", "b", "c")]
    batches = taken(queue_of(*segments))
    assert turns(batches) == ["a", "b", "c", "a", "b", "a"]
    for turn in "abc":
        numbers = [segment.number for (segment,) in batches if segment.source == turn]
        assert numbers == sorted(numbers)


def test_a_batch_is_filled_from_every_turn_before_one_gives_a_second(make: Make) -> None:
    queue = queue_of(*(make(turn=turn) for turn in "aaabbc"))
    assert turns([queue.take_batch([], threads=1, limit=4)]) == ["a", "b", "c", "a"]


def test_live_speech_takes_no_turns(make: Make) -> None:
    finals = [make(turn=turn, urgency=Urgency.LIVE_FINAL) for turn in "aab"]
    assert turns(taken(queue_of(make(turn="c"), *finals))) == ["a", "a", "b", "c"]


def test_what_was_cut_off_by_a_crash_keeps_its_place(make: Make) -> None:
    queue = queue_of(*(make(turn=turn) for turn in "aab"))
    (first,) = queue.take_batch([], threads=1, limit=1)
    queue.put_segment(first)
    assert queue.take_batch([], threads=1, limit=1) == [first]


KINDS = st.sampled_from([(TASK, 4.0), (TASK, 15.0), (Task("base", finds="languages"), 15.0)])
"""Tasks and lengths that do not share batches."""


@settings(deadline=None)  # the machine may be busy
@given(
    longs=st.lists(KINDS, min_size=1, max_size=32),
    more=st.integers(1, 8),
    begun=st.integers(0, 40),
    newcomer=KINDS,
    limit=st.integers(1, 16),
)
def test_a_newcomer_waits_for_one_more_batch_however_many_long_recordings_wait(
    longs: list[tuple[Task, float]], more: int, begun: int, newcomer: tuple[Task, float], limit: int
) -> None:
    make = maker()
    queue = SegmentQueue()
    offer_all(queue, make, longs, limit + more)
    # Each of the long ones has had a segment recognised; the newcomer comes anywhere in a round.
    for _ in range(len(longs) + begun):
        queue.take_batch([], 1, limit)
        offer_all(queue, make, longs, limit + more)
    task, seconds = newcomer
    new = make(seconds, task, turn="new")
    queue.put_segment(new)
    assert new in [*queue.take_batch([], 1, limit), *queue.take_batch([], 1, limit)]


@settings(deadline=None)  # the machine may be busy
@given(turns_before=st.integers(0, 16), chunks=st.integers(1, 6), limit=st.integers(1, 16))
def test_newcomers_go_in_the_order_in_which_they_came(turns_before: int, chunks: int, limit: int) -> None:
    """As each of them waits for at most one segment of each that came before."""
    make = maker()
    queue = queue_of(*(make(turn=str(i)) for i in range(turns_before) for _ in range(chunks)))
    new = make(1.0, turn="new")
    queue.put_segment(new)
    ahead = 0
    while new not in queue.take_batch([], 1, limit):
        ahead += 1
    assert ahead <= turns_before


def test_a_recording_all_of_whose_segments_are_being_recognised_is_no_newcomer(make: Make) -> None:
    long = make(turn="long")
    queue = queue_of(long, *(make(turn="other") for _ in range(4)))
    in_flight = [queue.take_batch([], 1, 1)]
    assert in_flight == [[long]]
    queue.put_segment(make(turn="long"))
    new = make(1.0, turn="new")
    queue.put_segment(new)
    batches = [queue.take_batch(in_flight, 2, 1) for _ in range(3)]
    assert turns(batches) == ["other", "new", "other"]


@settings(deadline=None)  # the machine may be busy
@given(longs=st.lists(KINDS, min_size=1, max_size=16), chunks=st.integers(2, 6), limit=st.integers(1, 16))
def test_newcomers_without_end_do_not_starve_a_long_recording(
    longs: list[tuple[Task, float]], chunks: int, limit: int
) -> None:
    make = maker()
    queue = SegmentQueue()
    offer_all(queue, make, longs, chunks)
    served: Counter[str] = Counter()
    # In the first round the long ones are newcomers themselves; then they have every second batch.
    for number in range(3 * len(longs) + 1):
        queue.put_segment(make(1.0, Task("other"), turn=f"short {number}"))
        served.update(segment.source for segment in queue.take_batch([], 1, limit))
    assert all(served[str(i)] >= 2 for i in range(len(longs)))


@settings(deadline=None)  # the machine may be busy
@given(lengths=st.lists(st.integers(1, 20), min_size=2, max_size=8))
def test_requests_of_one_kind_advance_side_by_side(lengths: list[int]) -> None:
    """None is ahead by more than a segment while both have some waiting."""
    make = maker()
    queue = queue_of(*(make(turn=str(i)) for i, length in enumerate(lengths) for _ in range(length)))
    remaining = lengths.copy()
    for turn in turns(taken(queue)):
        remaining[int(turn)] -= 1
        done = [length - rest for length, rest in zip(lengths, remaining, strict=True)]
        slowest = min(done[i] for i in range(len(lengths)) if remaining[i]) if any(remaining) else max(done)
        assert all(count <= slowest + 1 for count, rest in zip(done, remaining, strict=True) if rest)


def offer_all(queue: SegmentQueue, make: Make, longs: list[tuple[Task, float]], chunks: int) -> None:
    """Each long recording keeps so many chunks in the queue, as its window allows."""
    for i, (task, seconds) in enumerate(longs):
        waits = sum(segment.source == str(i) for segment in queue)
        for _ in range(chunks - waits):
            queue.put_segment(make(seconds, task, turn=str(i)))


def partial(make: Make, turn: str, seconds: float = 5.0) -> Segment:
    return make(seconds, urgency=Urgency.LIVE_PARTIAL, turn=turn)


def final(make: Make, turn: str = "", seconds: float = 5.0) -> Segment:
    return make(seconds, urgency=Urgency.LIVE_FINAL, turn=turn)


def test_the_latest_partial_of_a_stream_takes_the_place_of_the_one_that_waits(make: Make) -> None:
    early, other, late = partial(make, "a"), partial(make, "b"), partial(make, "a")
    queue = SegmentQueue()
    assert queue.put_segment(early) is None
    assert queue.put_segment(other) is None
    assert queue.put_segment(late) is early
    assert queue.take_batch([], threads=1, limit=1) == [late]
    assert queue.take_batch([], threads=1, limit=1) == [other]


def test_an_older_partial_that_comes_back_after_a_crash_is_out_of_date(make: Make) -> None:
    early, late = partial(make, "a"), partial(make, "a")
    queue = queue_of(late)
    assert queue.put_segment(early) is early
    assert list(queue) == [late]


def test_of_one_stream_one_partial_is_recognised_at_a_time(make: Make) -> None:
    running, next_one, other = partial(make, "a"), partial(make, "a"), partial(make, "b")
    queue = queue_of(next_one, other)
    assert queue.take_batch([[running]], threads=4, limit=4) == [other]
    assert queue.take_batch([[running], [other]], threads=4, limit=4) == []
    assert queue.take_batch([[other]], threads=4, limit=4) == [next_one]


def test_a_partial_does_not_lie_ready_where_it_cannot_be_replaced(make: Make) -> None:
    running = [[partial(make, str(i))] for i in range(2)]
    queue = queue_of(partial(make, "c"))
    assert queue.take_batch(running, threads=2, limit=4) == []
    final = make(urgency=Urgency.LIVE_FINAL)
    queue.put_segment(final)
    assert queue.take_batch(running, threads=2, limit=4) == [final]


def test_a_partial_does_not_lie_ready_behind_finals_that_keep_every_thread_busy(make: Make) -> None:
    finals = [[make(urgency=Urgency.LIVE_FINAL)] for _ in range(2)]
    waits = partial(make, "a")
    assert queue_of(waits).take_batch(finals, threads=2, limit=4) == []
    assert queue_of(waits).take_batch(finals[:1], threads=2, limit=4) == [waits]


def test_finals_gather_in_the_queue_while_every_thread_has_some(make: Make) -> None:
    running = [[final(make)] for _ in range(2)]
    waits = [final(make) for _ in range(4)]
    queue = queue_of(*waits)
    assert queue.take_batch(running, threads=2, limit=4) == []
    assert queue.take_batch(running[:1], threads=2, limit=4) == waits[:2]


def test_a_final_lies_ready_where_a_thread_would_turn_to_recordings_or_voices(make: Make) -> None:
    running = [[final(make)] for _ in range(2)]
    waits = final(make)
    drafts = [partial(make, "a")]
    assert queue_of(waits).take_batch([*running, drafts], threads=2, limit=4) == []
    for urgency in (Urgency.LIVE_VOICES, Urgency.RECORDING):
        ready = [make(urgency=urgency)]
        assert queue_of(waits).take_batch([*running, ready], threads=2, limit=4) == [waits]


def test_live_speech_of_like_length_goes_together_whichever_came_first(make: Make) -> None:
    for live in (final, partial):
        oldest, others = live(make, "a", 3.0), [live(make, str(n), n) for n in (5.0, 2.0, 3.5, 2.9)]
        queue = queue_of(oldest, *others)
        assert queue.take_batch([], threads=1, limit=3) == [oldest, others[3], others[2]]
        assert queue.take_batch([], threads=1, limit=3) == [others[0], others[1]]


def test_one_thread_has_few_partials_at_once_so_that_a_final_never_waits_for_long(make: Make) -> None:
    waits = [partial(make, str(i)) for i in range(8)]
    large, few = [partial(make, f"l{i}") for i in range(4)], [partial(make, f"f{i}") for i in range(2)]
    assert queue_of(*waits).take_batch([], threads=2, limit=4) == waits[:4]
    assert queue_of(*waits).take_batch([large], threads=2, limit=4) == waits[:2]
    assert queue_of(*waits).take_batch([few], threads=2, limit=4) == waits[:4]
    assert queue_of(*waits).take_batch([large, large], threads=4, limit=4) == waits[:2]
    assert queue_of(*waits).take_batch([large, large, large], threads=4, limit=8) == waits[:2]
    assert queue_of(*waits).take_batch([large, few], threads=2, limit=4) == []
    assert queue_of(*waits).take_batch([], threads=1, limit=4) == waits[:4]


def test_partials_share_the_threads(make: Make) -> None:
    partials = [partial(make, str(i)) for i in range(4)]
    queue = queue_of(*partials)
    first = queue.take_batch([], threads=2, limit=4)
    assert first == partials[:2]
    assert queue.take_batch([first], threads=2, limit=4) == partials[2:3]


def test_partials_of_speech_that_has_just_begun_go_first(make: Make) -> None:
    long, short, other = partial(make, "a", 5.0), partial(make, "b", 0.8), partial(make, "c", 1.0)
    queue = queue_of(long, short, other)
    assert [queue.take_batch([], threads=1, limit=1) for _ in range(3)] == [[short], [other], [long]]


def test_a_partial_does_not_wait_behind_a_recording_that_lies_ready(make: Make) -> None:
    in_flight = [[make()], [make()], [make(urgency=Urgency.LIVE_FINAL)]]
    waits = partial(make, "a")
    assert queue_of(waits).take_batch(in_flight, threads=1, limit=4) == [waits]


def test_live_speech_shares_a_batch_across_streams_however_many_recordings_wait(make: Make) -> None:
    finals = [make(3.0, urgency=Urgency.LIVE_FINAL, turn=str(i)) for i in range(2)]
    queue = queue_of(*[make() for _ in range(20)], *finals)
    assert queue.take_batch([], threads=2, limit=4) == finals[:1]
    assert queue.take_batch([finals[:1]], threads=2, limit=4) == finals[1:]
    many = [make(3.0, urgency=Urgency.LIVE_FINAL, turn=str(i)) for i in range(8)]
    queue = queue_of(*many)
    assert queue.take_batch([], threads=2, limit=4) == many[:4]


def test_a_recording_of_another_caller_goes_before_a_flood_of_short_ones(make: Make) -> None:
    flood = [make(turn=f"flood {number}") for number in range(20)]
    for segment in flood:
        segment.caller = "p/flood"
    other = make(turn="other")
    other.caller = "p/other"
    queue = queue_of(*flood, other)
    assert other in queue.take_batch([], threads=2, limit=4)


def test_what_is_being_recognised_counts_as_a_caller_s_work(make: Make) -> None:
    def of(caller: str, *turns: str) -> list[Segment]:
        segments = [make(turn=turn) for turn in turns]
        for segment in segments:
            segment.caller = caller
        return segments

    running = of("p/busy", "busy 1", "busy 2")
    (busy,), idle = of("p/busy", "busy 3"), of("p/idle", "idle 1", "idle 2")
    assert queue_of(busy, *idle).take_batch([running], threads=2, limit=1) == idle[:1]
    assert queue_of(busy, *idle).take_batch([], threads=2, limit=1) == [busy]


def test_the_voices_of_a_final_come_behind_drafts_and_before_recordings(make: Make) -> None:
    recording, voices = make(), make(task=VOICES_TASK, urgency=Urgency.LIVE_VOICES)
    draft, final = partial(make, "b"), make(urgency=Urgency.LIVE_FINAL)
    queue = queue_of(recording, voices, draft, final)
    order = [queue.take_batch([], threads=1, limit=4)[0] for _ in range(4)]
    assert order == [final, draft, voices, recording]


def test_in_each_round_the_words_come_before_the_voices(make: Make) -> None:
    """Voices of one recording do not wait for all the words of another: in a steady flow they never came."""
    mine = [make(task=VOICES_TASK, turn="mine"), make(turn="mine"), make(task=VOICES_TASK, turn="mine")]
    others = [make(turn="other") for _ in range(3)]
    queue = queue_of(*mine, *others)
    order = []
    while batch := queue.take_batch([], threads=1, limit=1):
        order += batch
    first, second, third = others
    assert order == [mine[1], first, mine[0], second, mine[2], third]


def test_words_and_voices_never_share_a_batch(make: Make) -> None:
    words, voices = make(turn="a"), make(task=VOICES_TASK, turn="b")
    assert queue_of(words, voices).take_batch([], threads=1, limit=4) == [words]


def utterance(make: Make, source: str, *, ends: bool = False, seconds: float = 5.0) -> Segment:
    segment = make(seconds, urgency=Urgency.LIVE_FINAL if ends else Urgency.LIVE_PARTIAL, turn=source)
    segment.utterance = UtteranceSoFar(0, ends)
    return segment


def test_an_utterance_is_continued_only_when_what_came_before_is_answered(make: Make) -> None:
    partial, final = utterance(make, "a"), utterance(make, "a", ends=True)
    queue = queue_of(final)
    assert queue.take_batch([[partial]], threads=4, limit=4) == []
    assert queue.take_batch([], threads=4, limit=4) == [final]


def test_behind_one_that_must_wait_others_go_on(make: Make) -> None:
    running, waits, other = (utterance(make, source, ends=True) for source in "aab")
    assert queue_of(waits, other).take_batch([[running]], threads=4, limit=4) == [other]


def test_utterances_share_a_batch_whatever_their_lengths_and_with_nothing_else(make: Make) -> None:
    long, short = (utterance(make, source, ends=True, seconds=n) for source, n in (("a", 12.0), ("b", 0.5)))
    whole = make(12.0, urgency=Urgency.LIVE_FINAL, turn="c")
    queue = queue_of(long, whole, short)
    assert queue.take_batch([], threads=1, limit=4) == [long, short]
    assert queue.take_batch([], threads=1, limit=4) == [whole]
