import time
import uuid

from ringback.ids import new_id


def test_an_id_is_a_uuid_of_version_7_in_its_canonical_form() -> None:
    for text in (new_id() for _ in range(100)):
        made = uuid.UUID(text)
        assert str(made) == text
        assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_an_id_begins_with_the_milliseconds_at_which_it_was_made() -> None:
    before = int(time.time() * 1000)
    made = uuid.UUID(new_id()).int >> 80
    assert before <= made <= int(time.time() * 1000)


def test_no_two_ids_are_equal_also_within_a_millisecond() -> None:
    assert len({new_id() for _ in range(20_000)}) == 20_000


def test_all_bits_but_those_of_time_and_version_are_random() -> None:
    ones, zeros = 0, 0
    for made in (uuid.UUID(new_id()).int for _ in range(500)):
        ones |= made
        zeros |= ~made
    random_bits = ((1 << 76) - 1) & ~(0b11 << 62) & ~(0xF << 76)
    assert ones & random_bits == random_bits
    assert zeros & random_bits == random_bits
