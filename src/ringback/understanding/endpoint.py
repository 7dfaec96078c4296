"""An operator's language model behind an OpenAI-compatible address: one question, one checked answer.

It is asked through `egress`, by a client of its own that may reach the operator's host wherever it is
(`bootstrap`), and follows no redirects. Nothing that comes back is quoted anywhere: reasons are our words.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from ringback import __version__, telemetry
from ringback.egress.client import EgressClient
from ringback.egress.responses import Limits, NoResponse, NoResponseReason, ReceiverResponse
from ringback.egress.target import Target
from ringback.fair_turns import FairTurns
from ringback.telemetry.tracing import exemplar, stage
from ringback.understanding.answers import BadAnswer, Completion, completion_of, refused_parameters
from ringback.understanding.questions import Question, RequestForm

ANSWER_BYTES = 262_144
"""Of a whole response; `questions.ANSWER_TOKENS` of text are a fiftieth of it."""

TRIES = 2
"""Of one question: after an answer in a bad form, or a fault that may pass at once, it is asked once more.
One that is refused for a parameter that the model does not take is asked without it, beside these."""

T = TypeVar("T")


class EndpointFailed(Exception):
    """The model gave no answer that can be used; the message says why, in words fit for callers."""


@dataclass(frozen=True, slots=True)
class LlmOptions:
    """The settings of the same names in `[llm]`; seconds."""

    target: Target
    """`llm.url` with `/chat/completions`."""
    model: str
    api_key: str = ""
    connect_timeout: float = 5.0
    timeout: float = 60.0
    total_timeout: float = 300.0
    concurrency: int = 4
    context_tokens: int = 8_192


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the endpoint has counted them."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens)


class LlmEndpoint:
    """Asks; at most `concurrency` questions at once, in fair turns of those who asked for them."""

    def __init__(self, egress: EgressClient, options: LlmOptions) -> None:
        self.options = options
        self._egress = egress
        self._form = RequestForm()
        """What the model takes, as far as its answers have shown."""
        self._places = FairTurns(options.concurrency)
        self._limits = Limits(options.connect_timeout, options.timeout, options.timeout, ANSWER_BYTES)
        self._headers = {"Content-Type": "application/json", "User-Agent": f"ringback/{__version__}"}
        if options.api_key:
            self._headers["Authorization"] = f"Bearer {options.api_key}"

    async def ask(self, question: Question, read: Callable[[str], T], caller: str) -> tuple[T, Usage]:
        """The answer, as `read` makes it of the model's words (it raises `BadAnswer`), and what it took.

        `caller`: `PROJECT/KEY`, whose turn it is (`fair_turns`). Raises `EndpointFailed`.
        """
        form, used, tries = self._form, Usage(), 1
        while True:
            try:
                completion = await self._complete(question.body(self.options.model, form), caller)
                used += Usage(completion.input_tokens, completion.output_tokens)
                found = read(completion.content)
            except (BadAnswer, _Fault) as error:
                fault = error if isinstance(error, _Fault) else _bad_answer(error)
                telemetry.LLM_REQUESTS.labels(fault.outcome).inc()
                telemetry.problem("llm.failed", question=question.name, tries=tries, reason=fault.detail)
                if fault.parameters - form.refused:
                    form = replace(form, refused=form.refused | fault.parameters)
                    continue
                if tries == TRIES or not fault.passing:
                    raise EndpointFailed(fault.reason) from None
                tries += 1
                form = replace(form, bounded=form.bounded and not fault.refused)
            else:
                telemetry.LLM_REQUESTS.labels("answered").inc()
                # Only now: a refusal that had another cause would have been repeated without them.
                self._form = replace(self._form, refused=self._form.refused | form.refused)
                return found, used

    async def _complete(self, body: bytes, caller: str) -> Completion:
        await self._places.take(caller)
        try:
            with stage("ask language model"):
                answer = await self._egress.send_request(
                    self.options.target, "POST", self._headers, body, self._limits
                )
        finally:
            self._places.give_back(caller)
        telemetry.LLM_SECONDS.observe(answer.phases.total, exemplar())
        if isinstance(answer, NoResponse):
            raise _no_response(answer)
        if not 200 <= answer.status < 300:
            raise _bad_status(answer)
        if not answer.complete:
            raise _Fault("bad_answer", "its answer was too long, too slow or broke off")
        return completion_of(answer.body)


class _Fault(Exception):
    """One try failed."""

    def __init__(
        self,
        outcome: str,
        reason: str,
        *,
        detail: str = "",
        passing: bool = False,
        refused: bool = False,
        parameters: frozenset[str] = frozenset(),
    ) -> None:
        """`reason` is for callers, `detail` for the log; `passing`: the next try may well succeed; `refused`:
        with a schema that says less; `parameters`: without these."""
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.detail = detail or reason
        self.passing = passing
        self.refused = refused
        self.parameters = parameters


def _bad_answer(error: BadAnswer) -> _Fault:
    return _Fault("bad_answer", f"its answer cannot be used: {error}", passing=True)


def _no_response(answer: NoResponse) -> _Fault:
    passing = answer.reason in (NoResponseReason.RESET, NoResponseReason.OURS)
    if answer.reason is NoResponseReason.TIMEOUT:
        return _Fault("timeout", "it gave no answer in time", detail=answer.detail)
    return _Fault("unreachable", "it cannot be reached", detail=answer.detail, passing=passing)


def _bad_status(answer: ReceiverResponse) -> _Fault:
    reason = f"it answered with status {answer.status}"
    refused = answer.status in _REFUSED
    parameters = refused_parameters(answer.body) if refused else frozenset()
    hint = ""
    if answer.status == 404:
        hint = " (does `llm.url` end in /v1, as the server's base URL does?)"
    elif parameters:
        hint = f" (the model does not take {', '.join(sorted(parameters))})"
    passing = refused or answer.status in _PASSING or answer.status >= 500
    return _Fault(
        "bad_status", reason, detail=reason + hint, passing=passing, refused=refused, parameters=parameters
    )


_PASSING = frozenset({408, 425, 429})
"""Statuses below 500 that say nothing against the request."""
_REFUSED = frozenset({400, 422})
"""Statuses of a server that may not know all that the schema says."""
