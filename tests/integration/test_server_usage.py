"""Usage over a real ledger and real sockets: added up, narrowed, broken down, and kept."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ringback.server import usage_routes
from support.api_calls import get, submit
from support.front import OWNER, Front, front


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def test_usage_adds_up_the_ledger(api: Front) -> None:
    for _ in range(2):
        await submit(api, finish=200)
    today = datetime.now(UTC).date().isoformat()
    report = (await get(api, f"{{project}}/usage?start={today}&end={today}")).json()
    assert (report["start"], report["end"]) == (today, today)
    assert report["resolution"] == {"units": "day", "amount": 1}
    (day,) = report["results"]
    assert (day["requests"], day["hours"]) == (2, pytest.approx(15.0 / 3600))
    assert (day["tokens"], day["tts"]) == ({"in": 0, "out": 0}, {"characters": 0, "requests": 0})
    assert report["ringback"]["complete"] is True


async def test_usage_is_broken_down_by_what_was_asked(api: Front) -> None:
    await submit(api, "tag=a&tag=b&punctuate=true", finish=200)
    await submit(api, "tag=a&model=nova-3", finish=200)
    await submit(api, "tag=a&punctuate=true&filler_words=true", finish=400)
    today = datetime.now(UTC).date().isoformat()

    async def groups(query: str) -> dict[str, int]:
        report = (await get(api, f"{{project}}/usage/breakdown?{query}")).json()
        grouping = query.partition("&")[0].removeprefix("grouping=")
        for item in report["results"]:
            assert set(item) == {
                *("hours", "total_hours", "agent_hours", "tokens_in", "tokens_out", "tts_characters"),
                *("requests", "grouping"),
            }
            assert (item["grouping"]["start"], item["grouping"]["end"]) == (today, today)
        return {item["grouping"].get(grouping): item["requests"] for item in report["results"]}

    key = (await api.ledger.keys(api.project))[0].id
    assert await groups("") == {None: 3}
    assert await groups("grouping=tags") == {"a": 2, "a,b": 1}
    assert await groups("grouping=feature_set") == {"": 1, "punctuate": 1, "punctuate,filler_words": 1}
    assert await groups("grouping=accessor") == {key: 3}
    assert await groups("grouping=models&tag=b") == {"tiny.en": 1}
    assert await groups("grouping=method&punctuate=true&filler_words=false") == {"async": 1}
    assert await groups("grouping=endpoint&model=nova") == {}
    assert await groups("grouping=deployment&callback=true&status=failed") == {"self-hosted": 1}
    assert await groups("grouping=deployment&callback=false") == {}
    answer = await get(api, "{project}/usage/breakdown?grouping=colour")
    assert (answer.status, answer.json()["category"]) == (400, "INVALID_QUERY_PARAMETER")
    assert (await get(api, "{project}/usage?punctuate=perhaps")).status == 400
    assert (await get(api, "{project}/usage?tag=b")).json()["results"][0]["requests"] == 1


async def test_the_fields_of_usage_are_those_that_were_asked_for(api: Front) -> None:
    await submit(api, "tag=b&tag=a&punctuate=true", finish=200)
    await submit(api, "tag=a&language=en-US", finish=400)
    model = api.services.catalogue.models()[0]
    answered = {"name": model.name, "version": model.version, "model_id": model.uuid}
    fields = (await get(api, "{project}/usage/fields")).json()
    assert fields == {
        "tags": ["a", "b"],
        "models": [{**answered, "language": "en"}, {**answered, "language": "en-US"}],
        "processing_methods": ["async"],
        "features": ["punctuate"],
        "languages": ["en", "en-US"],
        "ringback": {"complete": True},
    }
    empty = (await get(api, "{project}/usage/fields?end=2001-01-01")).json()
    assert (empty["tags"], empty["models"], empty["languages"]) == ([], [], [])


async def test_usage_says_when_groups_are_left_out(api: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    for tag in ("a", "b", "c"):
        await submit(api, f"tag={tag}", finish=200)
    for most in (2, 3):
        monkeypatch.setattr(usage_routes, "GROUPS_MOST", most)
        report = (await get(api, "{project}/usage/breakdown?grouping=tags")).json()
        assert len(report["results"]) == most
        assert report["ringback"]["complete"] is (most == 3)
        fields = (await get(api, "{project}/usage/fields")).json()
        assert fields["ringback"]["complete"] is (most == 3)
    assert (await get(api, "{project}/usage")).json()["results"][0]["requests"] == 3


async def test_usage_outlives_the_record_and_an_erasure(api: Front) -> None:
    remaining, erased = await submit(api, "tag=a", finish=200), await submit(api, "tag=b", finish=200)
    answer = await api.call("DELETE", f"/v1/projects/{api.project}/requests/{erased.id}", key=OWNER)
    assert answer.status == 200
    assert await api.ledger.drop(-0.001, 10) == 1
    assert await api.ledger.get(remaining.id) is None
    report = (await get(api, "{project}/usage/breakdown?grouping=tags")).json()
    assert {item["grouping"]["tags"]: item["requests"] for item in report["results"]} == {"": 1, "a": 1}
    assert (await get(api, "{project}/usage/fields")).json()["tags"] == ["a"]


async def test_usage_counts_whole_hours(api: Front) -> None:
    await submit(api, finish=200)
    now = datetime.now(UTC)

    async def counted(query: str) -> int:
        report = (await get(api, f"{{project}}/usage?{query}")).json()
        return sum(day["requests"] for day in report["results"])

    def written(moment: datetime) -> str:
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    this_hour = now.replace(minute=0, second=0)
    assert await counted(f"start={written(now)}&end={written(now + timedelta(hours=1))}") == 1
    assert await counted(f"end={written(this_hour)}") == 0
    assert await counted(f"start={written(this_hour + timedelta(hours=1))}") == 0


@pytest.mark.parametrize("name", ["request_id", "extra"])
async def test_what_usage_does_not_keep_is_refused(api: Front, name: str) -> None:
    answer = await get(api, f"{{project}}/usage?{name}=true")
    assert (answer.status, answer.json()["category"]) == (400, "INVALID_QUERY_PARAMETER")
    assert f"`{name}`" in answer.json()["message"]
