"""The dashboard in a real Chromium, over a real server: every page works, and nothing hostile becomes markup.

Screenshots are left in build/screenshots.
"""

import wave
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from support.browser import Browser, program
from support.live_client import RATE
from support.program import KEY, Program
from support.receiver import Received, Receiver
from support.streamed import linear16

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "tests" / "audio" / "librivox_0920.flac"
AXE = ROOT / "tests" / "contract" / "js" / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = ROOT / "build" / "screenshots"
PRAISE = "Thank you, that was wonderful. <b>It works again.</b>"
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202e&lt;b&gt;'\"`${1}"
PAGES = {
    "requests": "Requests",
    "destinations": "Destinations",
    "streams": "Live streams",
    "usage": "Usage",
    "keys": "Keys",
    "try": "Try it",
}


CATCHER = "https://catcher.ringback.invalid/"


def two_voices(path: Path) -> Path:
    """Two people, one after the other, with pauses, as a microphone brings them."""
    pause = bytes(2 * RATE)
    clips = [CLIP.with_name(name) for name in ("librivox_0930.flac", "phone_en_demo_nogo.flac")]
    audio = b"".join(linear16(clip) + pause for clip in clips)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(audio)
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    executable = program()
    if executable is None:
        pytest.skip("there is no Chromium here: apt-get install chromium-headless-shell")
    with Browser(executable, two_voices(tmp_path_factory.mktemp("voices") / "voices.wav")) as opened:
        opened.view(1360, 900)
        yield opened


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """With some history: a delivered, a failed and a refused callback, a waiting caller, hostile words."""

    def answer(callback: Received) -> int:
        return 200 if callback.path == "/callback" else 500

    settings = {"RINGBACK_KEEP_AUDIO": "3600", "RINGBACK_CALLBACK_SCHEDULE": "1"}
    with (
        Receiver(answer=answer) as receiver,
        Program(tmp_path_factory.mktemp("web"), settings) as opened,
    ):
        opened.wait_until_ready()
        audio = CLIP.read_bytes()
        opened.listen(audio, f"callback={receiver.url}&smart_format=true&tag=calls")
        opened.listen(audio, f"callback={receiver.url}/fails&tag=night")
        opened.listen(b"no audio", f"callback={receiver.url}&tag=calls")
        opened.listen(audio, "smart_format=true&tag=calls")
        opened.post("/v1/read?language=en&sentiment=true&summarize=true&tag=text", {"text": PRAISE})
        receiver.wait_for(lambda all_: len(all_) >= 4, 180)
        opened.wait_until(
            lambda: (
                opened.get(f"/v1/projects/{opened.project}/deliveries?state=parked").json()["deliveries"]
                != []
            ),
            120,
            "not parked",
        )
        yield opened


@pytest.fixture
def signed_in(browser: Browser, server: Program) -> Browser:
    browser.complaints.clear()
    browser.open(server.url + "/")
    browser.wait_for("document.activeElement?.id === 'key'")
    browser.type(KEY)
    browser.press("Enter")
    browser.wait_for("document.querySelector('#main[data-ready=requests] tbody tr')")
    return browser


def show(browser: Browser, page: str) -> None:
    first = page.split("/", maxsplit=1)[0]
    browser.evaluate(f"location.hash = '#/{page}'")
    browser.wait_for(f"document.querySelector('#main[data-ready={first}] .page > *')")


def newest(server: Program, query: str) -> str:
    found = server.get(f"/v1/projects/{server.project}/requests?{query}").json()["requests"]
    return str(found[0]["request_id"])


def check_access(browser: Browser, what: str) -> None:
    """What axe finds that a screen reader, or eyes that see little, stumble over."""
    if not AXE.exists():
        pytest.skip("`make setup-dev` has not fetched axe-core")
    browser.evaluate(AXE.read_text() + "; true")
    found = browser.evaluate(
        "axe.run().then(({violations}) => violations.map(each => "
        "`${each.id}: ${each.nodes.map(node => node.html + node.failureSummary).join(' | ')}`))"
    )
    assert found == [], f"{what}: {found}"


def test_a_wrong_key_is_refused_in_words(browser: Browser, server: Program) -> None:
    browser.open(server.url + "/")
    browser.wait_for("document.activeElement?.id === 'key'")
    browser.screenshot(SHOTS / "sign-in.png")
    check_access(browser, "sign-in")
    browser.type("f" * 40)
    browser.press("Enter")
    browser.wait_for("document.querySelector('[role=alert]').innerText.includes('not a key')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_works_in_both_colours(signed_in: Browser, scheme: str) -> None:
    signed_in.view(1360, 900, scheme)
    for page, heading in PAGES.items():
        show(signed_in, page)
        signed_in.wait_for(f"document.querySelector('h1').innerText === '{heading}'")
        assert signed_in.evaluate(
            "[...document.querySelectorAll('select')].every(each => each.selectedOptions.length)"
        )
        assert not {"false", "undefined", "null"} & set(signed_in.text().split())
        check_access(signed_in, f"{page}, {scheme}")
        signed_in.screenshot(SHOTS / f"{page}-{scheme}.png")
    assert signed_in.complaints == []
    signed_in.view(1360, 900)


def test_a_request_from_accept_to_delivered(signed_in: Browser, server: Program) -> None:
    for scheme in ("light", "dark"):
        signed_in.view(1360, 900, scheme)
        show(signed_in, f"requests/{newest(server, 'method=async&status=succeeded&tag=calls')}")
        signed_in.wait_for(
            "document.querySelectorAll('.word').length > 10 && document.querySelector('.waveform')"
        )
        timeline = signed_in.evaluate("document.querySelector('.timeline').innerText")
        assert "Accepted" in timeline
        assert "Transcribed" in timeline
        assert "Attempt 1: delivered (200)" in timeline
        signed_in.wait_for("document.querySelector('audio').readyState > 0")
        check_access(signed_in, f"request, {scheme}")
        signed_in.screenshot(SHOTS / f"request-{scheme}.png")
    signed_in.view(1360, 900)
    signed_in.evaluate("[...document.querySelectorAll('.word')][8].click()")
    signed_in.wait_for("document.querySelector('audio').currentTime > 0")
    assert signed_in.complaints == []


def test_a_text_shows_what_was_understood_of_it(signed_in: Browser, server: Program) -> None:
    show(signed_in, "requests")
    signed_in.evaluate(
        "{const what = document.querySelector('[name=endpoint]'); what.value = 'read';"
        "what.dispatchEvent(new Event('input', {bubbles: true}))}"
    )
    signed_in.wait_for("document.querySelectorAll('tbody tr').length === 1")
    assert "text" in signed_in.text()
    show(signed_in, f"requests/{newest(server, 'endpoint=read')}")
    signed_in.wait_for("document.querySelector('[aria-label=Understood]')")
    shown_text = signed_in.evaluate("document.querySelector('[aria-label=Understood]').textContent")
    assert PRAISE in shown_text
    assert "positive" in shown_text
    assert "Read" in signed_in.evaluate("document.querySelector('.timeline').innerText")
    check_access(signed_in, "text")
    signed_in.screenshot(SHOTS / "request-text.png")
    assert signed_in.complaints == []


def test_a_parked_callback_is_sent_again(signed_in: Browser, server: Program) -> None:
    show(signed_in, f"requests/{newest(server, 'tag=night')}")
    signed_in.wait_for("document.querySelector('.timeline').innerText.includes('Parked')")
    signed_in.screenshot(SHOTS / "request-parked.png")
    signed_in.evaluate(
        "[...document.querySelectorAll('button')].find(b => b.innerText === 'Redeliver').click()"
    )
    signed_in.wait_for("document.querySelector('#notices').innerText.includes('sent again')")
    signed_in.wait_for("document.querySelector('.timeline').innerText.includes('Attempt 3')")


def test_a_delivery_that_waits_is_cancelled(signed_in: Browser, server: Program) -> None:
    server.listen(CLIP.read_bytes(), f"callback={quote(CATCHER + '503')}&callback_schedule=1h&tag=waits")
    show(signed_in, f"requests/{newest(server, 'tag=waits')}")
    signed_in.wait_for("document.querySelector('.timeline').innerText.includes('Attempt 1')")
    signed_in.click("Cancel")
    signed_in.wait_for("document.querySelector('#notices').innerText.includes('Cancelled.')")
    signed_in.wait_for("document.querySelector('.timeline').innerText.includes('Delivery cancelled')")
    cancel = "[...document.querySelectorAll('button')].find(b => b.innerText === 'Cancel')"
    assert signed_in.evaluate(f"{cancel}.disabled")
    assert signed_in.complaints == []


def test_a_request_is_erased_once_that_is_confirmed(signed_in: Browser, server: Program) -> None:
    answered = server.listen(CLIP.read_bytes(), "tag=to-erase")
    request = answered.json()["metadata"]["request_id"]
    path = f"/v1/projects/{server.project}/requests/{request}"
    show(signed_in, f"requests/{request}")
    signed_in.wait_for("document.querySelector('.page button.danger')")
    signed_in.click("Erase")
    signed_in.wait_for("document.querySelector('dialog[open]')")
    check_access(signed_in, "erase?")
    signed_in.click("Back")
    signed_in.wait_for("!document.querySelector('dialog')")
    assert server.get(path).status == 200
    signed_in.click("Erase")
    signed_in.wait_for("document.querySelector('dialog[open]')")
    signed_in.evaluate("document.querySelector('dialog .danger').click()")
    signed_in.wait_for(
        "location.hash === '#/requests' && document.querySelector('#main[data-ready=requests]')"
    )
    assert server.get(path).status == 404
    assert request not in signed_in.text()
    assert signed_in.complaints == []


def test_what_callers_write_never_becomes_markup(signed_in: Browser, server: Program) -> None:
    made = server.post(f"/v1/projects/{server.project}/keys", {"comment": HOSTILE}).json()
    answered = server.listen(CLIP.read_bytes(), f"tag={quote(HOSTILE)}&replace={quote('he:' + HOSTILE)}")
    assert answered.status == 200
    request = answered.json()["metadata"]["request_id"]
    for page in ("requests", f"requests/{request}", "usage", "keys"):
        show(signed_in, page)
        displayed = "document.body.textContent.includes('<img src=x onerror')"
        if page == "usage":
            signed_in.evaluate(
                "{const by = document.querySelector('[name=grouping]'); by.value = 'tags';"
                "by.dispatchEvent(new Event('change'))}"
            )
        signed_in.wait_for(displayed)
        assert (
            signed_in.evaluate("document.querySelectorAll('#app script, img[src=x], [onerror]').length") == 0
        )
    server.call("DELETE", f"/v1/projects/{server.project}/keys/{made['api_key_id']}")
    assert signed_in.complaints == []


def test_a_file_is_tried(signed_in: Browser) -> None:
    show(signed_in, "try")
    signed_in.evaluate(
        "(async () => { const bytes = await (await fetch('/assets/icon.svg')).blob();"
        "const data = new DataTransfer(); data.items.add(new File([bytes], 'nothing.wav'));"
        "const input = document.querySelector('#file'); input.files = data.files;"
        "input.dispatchEvent(new Event('change')) })()"
    )
    signed_in.wait_for("document.querySelector('.fault')?.innerText.includes('corrupt')")


def test_the_callback_of_a_file_is_caught_as_its_receiver_gets_it(signed_in: Browser) -> None:
    show(signed_in, "try")
    signed_in.select("callback", CATCHER)
    signed_in.choose_file("#file", CLIP)
    signed_in.wait_for("document.querySelectorAll('.page .timeline li').length === 1")
    signed_in.wait_for("document.querySelectorAll('.word').length > 10")
    signed_in.wait_for("document.querySelector('[aria-label=Callback]').innerText.includes('1 arrived')")
    signed_in.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    arrived = signed_in.evaluate("document.querySelector('.page .timeline li').innerText")
    for part in (
        "POST the result",
        "delivered",
        "webhook-signature: v1,",
        "ringback-status: 200",
        '"results"',
    ):
        assert part in arrived
    for scheme in ("light", "dark"):
        signed_in.view(1360, 900, scheme)
        check_access(signed_in, f"caught, {scheme}")
        signed_in.screenshot(SHOTS / f"try-caught-{scheme}.png")
    signed_in.view(390, 844)
    assert signed_in.evaluate("document.documentElement.scrollWidth") <= 390
    signed_in.screenshot(SHOTS / "phone-try-caught.png", whole=True)
    signed_in.view(1360, 900)
    assert signed_in.complaints == []


def test_a_voice_is_shown_as_it_speaks_with_its_speaker(signed_in: Browser) -> None:
    show(signed_in, "try")
    signed_in.select("callback", CATCHER)
    signed_in.evaluate("document.querySelector('[name=diarize]').checked = true")
    signed_in.click("Speak")
    signed_in.wait_for("document.querySelector('[aria-label=Result]').innerText.includes('amiable')")
    signed_in.wait_for("document.querySelector('.turn .speaker')")
    signed_in.screenshot(SHOTS / "try-live.png")
    show(signed_in, "streams")  # the stream goes on meanwhile
    signed_in.wait_for("document.querySelector('.live')?.innerText.includes('amiable')")
    signed_in.wait_for("document.querySelector('.live .speaker')")
    for scheme in ("light", "dark"):
        signed_in.view(1360, 900, scheme)
        check_access(signed_in, f"streams with words, {scheme}")
        signed_in.screenshot(SHOTS / f"streams-words-{scheme}.png")
    signed_in.view(390, 844)
    assert signed_in.evaluate("document.documentElement.scrollWidth") <= 390
    signed_in.screenshot(SHOTS / "phone-streams-words.png")
    signed_in.view(1360, 900)
    assert signed_in.complaints == []


def test_the_callbacks_of_a_voice_are_caught_one_by_one(signed_in: Browser) -> None:
    show(signed_in, "try")
    signed_in.select("callback", CATCHER)
    signed_in.click("Speak")
    signed_in.wait_for("document.querySelector('[aria-label=Result]').innerText.includes('amiable')")
    signed_in.click("Stop")
    signed_in.wait_for("document.querySelector('[aria-label=Result]').innerText.includes('Ended.')")
    signed_in.wait_for("document.querySelector('[aria-label=Callback]').innerText.includes(' arrived.')")
    signed_in.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    arrived = signed_in.evaluate(
        "[...document.querySelectorAll('.page .timeline li')].map(li => li.innerText)"
    )
    assert len(arrived) >= 2
    assert "POST message 1" in arrived[0]
    assert "ringback-sequence: 1" in arrived[0]
    assert '"type": "Results"' in arrived[0]
    assert '"type": "Metadata"' in arrived[-1]
    signed_in.screenshot(SHOTS / "try-live-caught.png")
    assert signed_in.complaints == []


def test_a_phone_shows_all_without_scrolling_aside(signed_in: Browser, server: Program) -> None:
    signed_in.view(390, 844)
    for page in (*PAGES, f"requests/{newest(server, 'tag=night')}"):
        show(signed_in, page)
        assert signed_in.evaluate("document.documentElement.scrollWidth") <= 390, page
        signed_in.screenshot(SHOTS / f"phone-{page.split('/')[0] if '/' not in page else 'request'}.png")
    signed_in.view(1360, 900)


def test_the_keyboard_reaches_everything(signed_in: Browser) -> None:
    signed_in.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(40):
        signed_in.press("Tab")
        reached.add(signed_in.evaluate("document.activeElement.innerText || document.activeElement.name"))
    assert {"Skip to content", "Sign out", *PAGES.values()} <= reached


def test_a_session_ends_with_its_key_and_leaves_nothing_behind(browser: Browser, server: Program) -> None:
    made = server.post(f"/v1/projects/{server.project}/keys", {"comment": "for a moment"}).json()
    browser.open(server.url + "/?again")
    browser.wait_for("document.activeElement?.id === 'key'")
    browser.type(made["key"])
    browser.press("Enter")
    browser.wait_for("document.querySelector('#main[data-ready=requests]')")
    assert browser.evaluate("document.cookie + localStorage.length + sessionStorage.length") == "00"
    assert made["key"] not in browser.evaluate("document.documentElement.outerHTML + location.href")
    server.call("DELETE", f"/v1/projects/{server.project}/keys/{made['api_key_id']}")
    browser.wait_for("document.querySelector('[role=alert]')?.innerText.includes('session has ended')")


def test_the_description_is_read_and_tried_offline(browser: Browser, server: Program) -> None:
    browser.complaints.clear()
    browser.open(server.url + "/docs")
    browser.wait_for("document.querySelectorAll('.opblock').length > 30")
    browser.screenshot(SHOTS / "docs.png")
    model = "document.querySelector('#operations-Models-listModels"
    for button in ("button", ".try-out__btn", ".execute"):
        browser.wait_for(f"{model} {button}')")
        browser.evaluate(f"{model} {button}').click()")
    browser.wait_for(
        f"{model} .live-responses-table .response .response-col_status')?.innerText.includes('200')"
    )
    assert browser.complaints == []
