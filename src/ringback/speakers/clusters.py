"""Which stretches of speech have the same voice: average linkage on cosine distance.

All at once and never in order of arrival: centroids that grow with the speech drift, and then find speakers
who are not there. Clusters too small to be a person join the most alike (docs/adr/0039-speakers.md).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ringback.speakers.voices import Embeddings, unit

APART = 0.67
"""Mean cosine distance above which two clusters are two people, of embeddings around the mean voice. On all
recordings at hand 0.64 to 0.70 give the same counts."""

LEAST_SECONDS, LEAST_SHARE = 2.0, 0.02
"""Of speech; a cluster with less than the larger of both is no speaker of its own."""

RELIABLE_SECONDS = 1.0
"""An embedding of less speech joins a cluster, and founds none."""

MOST_SPEAKERS = 20

MOST_LINKED = 2_500
"""Stretches that are linked: all distances of them are 25 MB. Of more a spread sample is linked, and the rest
joins the most alike cluster."""

Labels = npt.NDArray[np.intp]
Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Clustering:
    labels: Labels
    """The cluster of each stretch."""
    centroids: Embeddings
    """The mean voice of each cluster."""


@dataclass(frozen=True, slots=True)
class LeastSpeech:
    """How much speech makes a person: `LEAST_SHARE` of all, within these bounds in seconds."""

    lowest: float = LEAST_SECONDS
    highest: float = math.inf

    def of(self, total: float) -> float:
        """`total`: seconds of all speech."""
        return max(self.lowest, min(self.highest, LEAST_SHARE * total))


def clustering(
    embeddings: Embeddings, seconds: Seconds, covered: Seconds, least: LeastSpeech = LeastSpeech()
) -> Clustering:
    """The clusters of at least one stretch. `seconds`: how long each is; `covered`: of how much speech its
    embedding is."""
    reliable = np.flatnonzero(covered >= RELIABLE_SECONDS)
    if not len(reliable):
        reliable = np.arange(len(embeddings))
    linked = _spread(reliable, MOST_LINKED)
    found = _renumbered(_linked(embeddings[linked]))
    centroids = _centroids(embeddings[linked], found)
    of_reliable = _nearest(embeddings[reliable], centroids)
    of_reliable[np.searchsorted(reliable, linked)] = found
    large = _large(of_reliable, seconds[reliable], len(centroids), least)
    centroids = centroids[large]
    labels = _nearest(embeddings, centroids)
    stays = np.isin(of_reliable, large)
    labels[reliable[stays]] = np.searchsorted(large, of_reliable[stays])
    return Clustering(labels, centroids)


def _spread(indices: Labels, most: int) -> Labels:
    """At most so many of them, evenly spread."""
    if len(indices) <= most:
        return indices
    return indices[np.linspace(0, len(indices) - 1, most).round().astype(np.intp)]


def _linked(embeddings: Embeddings) -> Labels:
    """A number for each cluster, any."""
    count = len(embeddings)
    if count == 1:
        return np.zeros(1, np.intp)
    # Here, because it is an extra, and this is only reached with it.
    import fastcluster  # noqa: PLC0415

    merges: Any = fastcluster.linkage(_distances(embeddings), method="average", preserve_input=False)
    parent = np.arange(2 * count - 1)
    for number, (one, other, distance, _) in enumerate(merges):
        if distance > APART:  # They come in order.
            break
        parent[[int(one), int(other)]] = count + number
    for node in range(len(parent) - 1, -1, -1):
        parent[node] = parent[parent[node]]
    return parent[:count]


def _distances(embeddings: Embeddings) -> Seconds:
    """Cosine distances, each pair once, row by row."""
    count = len(embeddings)
    distances = np.empty(count * (count - 1) // 2)
    at = 0
    for row in range(count - 1):
        cosines = embeddings[row + 1 :] @ embeddings[row]
        distances[at : at + len(cosines)] = 1.0 - cosines
        at += len(cosines)
    np.maximum(distances, 0.0, out=distances)
    return distances


def _renumbered(labels: Labels) -> Labels:
    """From 0, without gaps."""
    numbers: Labels = np.unique(labels, return_inverse=True)[1].reshape(-1)
    return numbers


def _centroids(embeddings: Embeddings, labels: Labels) -> Embeddings:
    sums = np.zeros((labels.max() + 1, embeddings.shape[1]), np.float32)
    np.add.at(sums, labels, embeddings)
    return unit(sums)


def _nearest(embeddings: Embeddings, centroids: Embeddings) -> Labels:
    nearest: Labels = (embeddings @ centroids.T).argmax(axis=1)
    return nearest


def _large(labels: Labels, seconds: Seconds, count: int, least: LeastSpeech) -> Labels:
    """The clusters that are people, in ascending order; at least one."""
    held = np.bincount(labels, weights=seconds, minlength=count)
    needed = least.of(float(held.sum()))
    by_size = np.argsort(-held, kind="stable")[:MOST_SPEAKERS]
    large = by_size[held[by_size] >= needed]
    return np.sort(large if len(large) else by_size[:1])
