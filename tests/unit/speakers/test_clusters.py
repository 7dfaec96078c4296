"""Voices into people: how many there are, whose each voice is, and what joins whom."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.speakers import clusters
from ringback.speakers.clusters import MOST_SPEAKERS, Clustering, LeastSpeech, clustering
from ringback.speakers.labels import clusters_of
from ringback.speakers.voices import DIMENSIONS, Embeddings, Voice
from support.voices import People


def found(said: list[tuple[str, Voice]]) -> tuple[Clustering, dict[str, set[int]]]:
    """The clusters, and in which of them each person is."""
    clustered = clusters_of([voice for _, voice in said])
    by_person: dict[str, set[int]] = {}
    for (who, _), label in zip(said, clustered.labels.tolist(), strict=True):
        by_person.setdefault(who, set()).add(label)
    return clustered, by_person


@pytest.mark.parametrize("people", ["a", "ab", "abc", "abcdef"])
def test_each_person_is_one_cluster(people: str) -> None:
    clustered, by_person = found(People().talk(*[(who, 4.0) for who in people * 3]))
    assert len(clustered.centroids) == len(people)
    assert sorted(map(len, by_person.values())) == [1] * len(people)
    assert len({min(each) for each in by_person.values()}) == len(people)


def test_one_voice_alone_is_one_person() -> None:
    clustered, _ = found(People().talk(("a", 0.4)))
    assert (clustered.labels.tolist(), len(clustered.centroids)) == ([0], 1)


def test_what_is_too_short_for_a_person_joins_the_most_alike() -> None:
    people = People()
    a_long_talk = people.talk(*[("a", 30.0), ("b", 30.0)] * 2)
    clustered, by_person = found([*a_long_talk, ("c", people.says("c", 130.0, 131.4))])
    assert len(clustered.centroids) == 2
    assert by_person["c"] <= by_person["a"] | by_person["b"]
    clustered, _ = found([*a_long_talk, *((who, voice) for who, voice in people.talk(("c", 4.5)))])
    assert len(clustered.centroids) == 3


def test_short_voices_found_nobody() -> None:
    """An embedding of half a second is as far from its own speaker as from others."""
    people = People()
    said = people.talk(("a", 6.0), ("b", 6.0), *[("c", 0.6)] * 8)
    clustered, by_person = found(said)
    assert len(clustered.centroids) == 2
    assert by_person["c"] <= {0, 1}


def test_where_all_voices_are_short_they_are_told_apart_all_the_same() -> None:
    clustered, by_person = found(People().talk(*[("a", 0.8), ("b", 0.8)] * 6))
    assert len(clustered.centroids) == 2
    assert by_person["a"] != by_person["b"]


def test_of_many_people_the_largest_are_kept() -> None:
    people = "abcdefghijklmnopqrstuvwxyz"
    said = People(spread=0.1).talk(*[(who, 6.0 if who == "z" else 3.0) for who in people for _ in range(2)])
    clustered, by_person = found(said)
    assert len(clustered.centroids) == MOST_SPEAKERS
    assert clustered.labels.max() == MOST_SPEAKERS - 1
    assert len(by_person["z"]) == 1


def test_of_very_many_voices_a_spread_sample_is_linked(monkeypatch: pytest.MonkeyPatch) -> None:
    said = People().talk(*[("a", 9.0), ("b", 6.0), ("c", 3.0)] * 10)
    whole, _ = found(said)
    monkeypatch.setattr(clusters, "MOST_LINKED", 30)
    sampled, by_person = found(said)
    assert len(said) == 120
    assert len(sampled.centroids) == len(whole.centroids) == 3
    assert sorted(map(len, by_person.values())) == [1, 1, 1]


def test_embeddings_that_are_all_zero_do_no_harm() -> None:
    clustered = clustering(np.zeros((3, 192), np.float32), np.ones(3), np.ones(3))
    assert clustered.labels.tolist() == [0, 0, 0]


def directions(*numbers: int) -> Embeddings:
    """A row for each: voices of the same number are the same, others have nothing in common."""
    return np.eye(8, DIMENSIONS, dtype=np.float32)[list(numbers)]


def test_a_cluster_with_exactly_the_least_speech_is_a_person() -> None:
    seconds = np.array([9.0, 1.0, 1.0])
    both = clustering(directions(0, 1, 1), seconds, seconds)
    assert both.labels.tolist() == [0, 1, 1]
    assert both.centroids.tolist() == directions(0, 1).tolist()
    less = np.array([9.0, 1.0, 0.75])
    assert len(clustering(directions(0, 1, 1), less, np.ones(3)).centroids) == 1
    assert len(clustering(directions(0, 1, 1), less, np.ones(3), LeastSpeech(1.75)).centroids) == 2
    # In a long recording the share counts: 2 % of 200 s are four.
    assert len(clustering(directions(0, 1, 1), np.array([196.0, 2.0, 2.0]), np.ones(3)).centroids) == 2
    assert len(clustering(directions(0, 1, 1), np.array([197.0, 2.0, 1.0]), np.ones(3)).centroids) == 1
    # Where there is a highest bound, it counts instead.
    late = np.array([197.0, 2.0, 1.0])
    assert len(clustering(directions(0, 1, 1), late, np.ones(3), LeastSpeech(2.0, 3.0)).centroids) == 2
    assert len(clustering(directions(0, 1, 1), late, np.ones(3), LeastSpeech(2.0, 3.1)).centroids) == 1


def test_an_embedding_of_a_second_founds_and_one_of_less_joins() -> None:
    seconds = np.array([9.0, 9.0])
    founds = clustering(directions(0, 1), seconds, np.array([9.0, 1.0]))
    assert founds.labels.tolist() == [0, 1]
    joins = clustering(directions(0, 1), seconds, np.array([9.0, 0.99]))
    assert joins.labels.tolist() == [0, 0]
    assert joins.centroids.tolist() == directions(0).tolist()


def test_the_voice_of_a_cluster_is_the_mean_of_those_in_it() -> None:
    rows = np.zeros((3, DIMENSIONS), np.float32)
    rows[0, 0] = rows[1, 1] = rows[2, 2] = 0.6
    rows[:, 3] = 0.8  # cosines of 0.64 with each other
    (centroid,) = clustering(rows, np.full(3, 2.0), np.ones(3)).centroids
    assert centroid[:4].tolist() == pytest.approx([0.2294, 0.2294, 0.2294, 0.9177], abs=1e-3)


def test_two_clusters_are_one_person_by_the_mean_of_all_distances_between_them() -> None:
    """0.6 to the one and 0.72 to the other of two voices that are alike is 0.66: one person; 0.6 and 0.76 is
    0.68: two."""
    for cosine, people in [(0.28, 1), (0.24, 2)]:
        angles = [0.0, np.arccos(0.4), np.arccos(cosine)]
        rows = np.zeros((3, DIMENSIONS), np.float32)
        rows[:, 0], rows[:, 1] = np.cos(angles), np.sin(angles)
        assert len(clustering(rows, np.full(3, 2.0), np.ones(3)).centroids) == people


def test_a_sample_reaches_from_the_first_voice_to_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "MOST_LINKED", 2)
    seconds = np.full(5, 3.0)
    for voices in ([0, 0, 0, 0, 1], [1, 0, 0, 0, 0]):
        assert clustering(directions(*voices), seconds, seconds).labels.tolist() == [
            int(each != voices[0]) for each in voices
        ]
    monkeypatch.setattr(clusters, "MOST_LINKED", 3)
    middle = clustering(directions(0, 0, 1, 2, 2), seconds, seconds)
    assert middle.labels.tolist() == [0, 0, 1, 2, 2]


@given(st.permutations(range(12)), st.integers(0, 3))
def test_who_spoke_first_makes_no_difference(order: list[int], seed: int) -> None:
    people = People(seed, spread=0.5)
    voices = [voice for _, voice in people.talk(*[(who, 3.0) for who in "abacbc"])]
    before = clusters_of(voices).labels
    after = clusters_of([voices[number] for number in order]).labels
    together = before[:, None] == before[None, :]
    assert (after[:, None] == after[None, :]).tolist() == together[np.ix_(order, order)].tolist()
