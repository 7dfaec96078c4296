"""Voices into people: how many there are, whose each voice is, and what joins whom."""

import numpy as np
import pytest

from ringback.speakers import clusters
from ringback.speakers.clusters import MOST_SPEAKERS, Clustering, clustering
from ringback.speakers.labels import clusters_of
from ringback.speakers.voices import Voice
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
