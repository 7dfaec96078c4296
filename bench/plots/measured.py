"""The tables of docs/performance/ that one run of a benchmark fills: read from bench/results/NAME.json.

A cell has the median, and in brackets the lowest and the highest round where there was more than one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results"
MIB = 2**20 / 1e6
"""Megabytes in one."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """One figure of one subject."""

    median: float
    lowest: float
    highest: float
    repeats: int

    def printed(self, number: Callable[[float], str]) -> str:
        typical, lowest, highest = map(number, (self.median, self.lowest, self.highest))
        return typical if lowest == highest else f"{typical} ({lowest}–{highest})"


Subject = Mapping[str, Rounds]
Summary = Mapping[str, Subject]
Cells = list[list[str]]
NOT_MEASURED: Subject = {}


def summary_of(name: str, folder: Path = RESULTS) -> Summary:
    """What `make bench ARGS=name` measured. Raises OSError, KeyError where that is missing."""
    document = json.loads((folder / f"{name}.json").read_text())
    return {
        subject: {
            figure: Rounds(spread["median"], spread["min"], spread["max"], spread["repeats"])
            for figure, spread in figures.items()
        }
        for subject, figures in document["summary"].items()
    }


def whole(value: float) -> str:
    return f"{value:,.0f}"


def hundredths(value: float) -> str:
    return f"{value:.2f}"


def percent(value: float) -> str:
    return f"{value:.1f}"


def share(value: float) -> str:
    return f"{100 * value:.0f} %" if value else "0"


def seconds(value: float) -> str:
    """Two figures of it; what came before its time came at once."""
    return f"{max(value, 0.0):.{2 if value < 1 else 1 if value < 10 else 0}f}"


def cell(subject: Subject, figure: str, number: Callable[[float], str] = whole) -> str:
    return subject[figure].printed(number) if figure in subject else "–"


def typical_and_late(subject: Subject, figure: str, number: Callable[[float], str]) -> str:
    """The median and what 95 of 100 stay within; only the first where there was only one."""
    typical = number(subject[f"{figure}_p50"].median)
    if subject[f"{figure}_count"].median == 1:
        return f"{typical} (one)"
    return f"{typical}, {number(subject[f'{figure}_p95'].median)}"


def lags(subject: Subject) -> str:
    """Milliseconds, the median and what 99 of 100 stay within, or how many came at all."""
    arrived = subject.get("arrived", subject.get("healthy_arrived"))
    if arrived is not None and arrived.median < 1:
        return f"{share(arrived.median) if arrived.median else 'none'} arrived within 20 s"
    return f"{whole(subject['p50_ms'].median)}, {whole(subject['p99_ms'].median)}"


def accepts() -> Cells:
    summary = summary_of("accept")
    rows = []
    for label, subject in (
        ("**Ringback**", "ringback"),
        ("bare", "bare"),
        ("bare, renamed and folder synced", "bare, renamed and folder synced"),
        ("bare, a commit per row", "bare, a commit per row"),
    ):
        few, many = (summary[f"{subject}, {connections} connections"] for connections in (16, 64))
        speeds = (text for each in (few, many) for text in (cell(each, "per_second"), lags(each)))
        costs = (whole(many[figure].median) for figure in ("cpu_us", "loop_us"))
        rows.append([label, *speeds, *costs])
    return rows


def recordings_clips() -> Cells:
    summary = summary_of("recordings")
    rows = []
    for label, subject in (
        ("**Ringback, with callbacks**", "ringback"),
        ("our bare engine", "our bare engine"),
        ("faster-whisper", "faster-whisper"),
        ("faster-whisper, word times", "faster-whisper, word times"),
    ):
        by_count = [summary.get(f"{subject}, {count} at once", NOT_MEASURED) for count in (1, 4, 16)]
        rows.append(
            [
                label,
                *(cell(each, "times_real_time") for each in by_count),
                hundredths(by_count[-1]["cpu_seconds_per_audio_minute"].median),
                cell(by_count[-1], "word_error_rate", percent),
            ]
        )
    return rows


def recordings_long() -> Cells:
    summary = summary_of("recordings")
    return [
        [
            label,
            cell(figures, "times_real_time"),
            hundredths(figures["cpu_seconds_per_audio_minute"].median),
            cell(figures, "word_error_rate", percent),
        ]
        for label, figures in (
            ("**Ringback, with callback**", summary["ringback, ten minutes"]),
            ("our bare engine", summary["our bare engine, ten minutes"]),
            (
                "faster-whisper, batched pipeline, one process of two threads",
                summary["faster-whisper, ten minutes"],
            ),
            (
                "faster-whisper, sequential with VAD, one process of two threads",
                summary["faster-whisper, sequential, ten minutes"],
            ),
        )
    ]


CELERY = "celery, 64 processes, appendfsync everysec"


def deliveries() -> Cells:
    summary = summary_of("delivery")
    rows = []
    for label, subject in (
        ("**Ringback**", "ringback"),
        ("Celery, 64 processes, Redis syncs every command", "celery, 64 processes, appendfsync always"),
        ("Celery, 64 processes, Redis syncs every second", CELERY),
        ("Celery, 64 threads, Redis syncs every second", "celery, 64 threads, appendfsync everysec"),
        ("bare aiohttp, keeps nothing", "bare aiohttp"),
    ):
        one, many, large, steady = (
            summary.get(f"{subject}: {case}", NOT_MEASURED)
            for case in ("1 receiver", "64 receivers", "100 KB, 16 receivers", "steady 500/s")
        )
        costs = sorted(each["cpu_us"].median for each in (one, many))
        rows.append(
            [
                label,
                *(cell(each, "per_second") for each in (one, many, large)),
                lags(steady) if steady else "–",
                "–".join(map(whole, costs)),
            ]
        )
    return rows


def dead_host() -> Cells:
    summary = summary_of("delivery")
    return [
        [f"{label}, {when}", lags(figures), whole(figures["peak_pss"].median * MIB)]
        for label, subject in (("**Ringback**", "ringback"), ("Celery, 64 processes", CELERY))
        for when, case in (
            ("without it", "the same without the dead host"),
            ("beside it", "beside a dead host with 200,000 due"),
        )
        for figures in (summary[f"{subject}: {case}"],)
    ]


def slow_receivers() -> Cells:
    summary = summary_of("delivery")
    return [
        [
            label,
            whole(figures["slow_done_seconds"].median),
            lags(figures),
            whole(figures["peak_pss"].median * MIB),
        ]
        for label, subject in (
            ("**Ringback as installed, 512 at once**", "ringback"),
            ("**Ringback, `callback.concurrency = 1200`**", "ringback, 1200 at once"),
            ("Celery, 64 processes", CELERY),
            ("Celery, 1,200 threads", "celery, 1200 threads, appendfsync everysec"),
        )
        for figures in (summary[f"{subject}: beside 1,000 slow receivers"],)
    ]


QUEUES = (
    ("**Ringback**", "ringback"),
    ("Ringback, all in one lane", "ringback, one lane"),
    ("Procrastinate", "procrastinate"),
    ("PgQueuer", "pgqueuer"),
)


def cluster() -> Cells:
    summary = summary_of("cluster")
    found = [
        (count, label, summary[f"{subject}, {count} node{'s' * (count > 1)}"])
        for count in (1, 2, 4)
        for label, subject in QUEUES
    ]
    rows = [
        [
            str(count),
            label,
            *(cell(figures, f"{what}_per_second") for what in ("accepts", "claims", "cycles")),
            *(cell(figures, f"cycles_{who}_cpu_s", hundredths) for who in ("client", "postgres")),
        ]
        for count, label, figures in [*found, (1, "Ringback on SQLite", summary["ringback on SQLite"])]
    ]
    rows[-1][-1] = ""
    return rows


def cluster_history() -> Cells:
    summary = summary_of("cluster")
    return [
        [
            label,
            rows,
            cell(figures, "per_second"),
            *(cell(figures, f"{who}_cpu_s", hundredths) for who in ("client", "postgres")),
        ]
        for label, subject in QUEUES
        if subject != "ringback, one lane"
        for rows in ("10,000", "1,000,000")
        for figures in (summary[f"{subject}, {rows} rows"],)
    ]


def at_once(summary: Summary, of: str = "") -> Sequence[tuple[str, Subject]]:
    """The subjects that are so many streams, with their number."""
    return [
        (subject.removeprefix(of).removesuffix(" at once"), figures)
        for subject, figures in summary.items()
        if subject.startswith(of) and subject.endswith(" at once")
    ]


def live() -> Cells:
    moments = ("first_partial", "word_shown", "word_final", "endpoint_final", "closing", "finalizing")
    return [
        [
            count,
            *(typical_and_late(figures, moment, seconds) for moment in moments),
            whole(figures["partials_per_stream"].median),
            hundredths(figures["churn"].median),
            percent(figures["word_error_rate"].median),
            hundredths(figures["cpu_per_audio_second"].median),
        ]
        for count, figures in at_once(summary_of("live"), "ringback, ")
    ]


def memory() -> Cells:
    summary = summary_of("memory")
    return [
        [
            label,
            *(whole(figures[what].median * MIB) for what in ("idle_pss", "peak_pss")),
            f"**{whole(figures['rise_pss'].median * MIB)}**",
            whole(figures["rise_high_water"].median * MIB),
            whole(figures["seconds_until_callback"].median),
        ]
        for label, figures in (
            ("2,000,000,000 bytes uploaded (1.9 hours of audio)", summary["two gigabytes uploaded"]),
            ("three hours of speech", summary["three hours of speech"]),
            ("three hours of speech, with speakers", summary["three hours of speech, with speakers"]),
        )
    ]


def turns_cuts() -> Cells:
    summary = summary_of("turns")
    rules = (
        ("silence of 300 ms", "silence 300 ms"),
        ("500 ms", "silence 500 ms"),
        ("700 ms", "silence 700 ms"),
        ("1,000 ms", "silence 1000 ms"),
        ("**`eot_threshold` 0.5**", "threshold 0.5"),
        ("**0.6**", "threshold 0.6"),
        ("**0.7, the default**", "threshold 0.7"),
        ("**0.8**", "threshold 0.8"),
        ("**0.9**", "threshold 0.9"),
    )
    return [
        [
            label,
            share(figures["meetings_false_cuts"].median),
            share(figures["english_false_cuts"].median),
            hundredths(figures["english_wait_mean"].median),
            share(figures["other_languages_false_cuts"].median),
            hundredths(figures["other_languages_wait_mean"].median),
        ]
        for label, rule in rules
        for figures in (summary[rule],)
    ]


def turns_reported() -> Cells:
    return [
        [
            count,
            *(typical_and_late(figures, what, seconds) for what in ("start", "eager", "end", "end_decided")),
            hundredths(figures["cores_per_stream"].median),
            hundredths(figures["others_used_cores"].median),
        ]
        for count, figures in at_once(summary_of("turns"))
    ]


MEASURED: Mapping[str, Callable[[], Cells]] = {
    "accepts": accepts,
    "cluster": cluster,
    "cluster-history": cluster_history,
    "dead-host": dead_host,
    "deliveries": deliveries,
    "live": live,
    "memory": memory,
    "recordings-clips": recordings_clips,
    "recordings-long": recordings_long,
    "slow-receivers": slow_receivers,
    "turns-cuts": turns_cuts,
    "turns-reported": turns_reported,
}
"""The rows of each such table; its head stands in figures.json."""
