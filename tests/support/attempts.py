"""One attempt at a delivery, as tests make it."""

from ringback.blobs import FolderBlobStore, StoredDocument
from ringback.bootstrap.values import attempt_limits, server_schedule
from ringback.callbacks.delivery import DeliveryOrder, callback_context, order_job
from ringback.callbacks.delivery_handler import Deliverer, ReadAttempts
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.target import read_target
from ringback.jobs.job import Attempt, Done, GivenUp, Job, Lease, NewJob, Retry, State
from ringback.settings import CallbackSettings
from support.deliveries import sign
from support.sealing import SEAL

SETTINGS = CallbackSettings(
    allow=("127.0.0.1",), ports=(), retries=2, retry_delay=5.0, connect_timeout=0.5, timeout=1.0
)

POLICY = Policy(SETTINGS.allow, SETTINGS.ports)

REQUEST = "6f1c0d0e-0000-4000-8000-000000000001"

DOCUMENT = '{"metadata":{"request_id":"' + REQUEST + '"},"results":{"said":"very private words"}}'


def deliverer_with(
    egress: EgressClient,
    blobs: FolderBlobStore,
    read_attempts: ReadAttempts,
    settings: CallbackSettings = SETTINGS,
    policy: Policy = POLICY,
) -> Deliverer:
    return Deliverer(
        egress,
        policy,
        blobs,
        attempt_limits(settings),
        server_schedule(settings),
        seal=SEAL,
        sign=sign,
        clock=SystemClock(),
        read_attempts=read_attempts,
        public_url="https://speech.example",
        chance=lambda: 0.0,
    )


def lease(url: str, body: StoredDocument | None = None, method: str = "POST", tries: int = 0) -> Lease:
    """A claimed delivery to `url`."""
    stored = StoredDocument(inline=DOCUMENT) if body is None else body
    origin = read_target(url).origin
    sealed = SEAL.seal(url, callback_context(REQUEST))
    order = DeliveryOrder(REQUEST, sealed, method, 200, "key-1", stored, destination=origin)
    new = order_job(order, project="project-1", accessor="key-1")
    return Lease(job_of(new, State.LEASED, tries), token=1)


def job_of(new: NewJob, state: State, tries: int = 0) -> Job:
    """A new job as the ledger has it later."""
    return Job(
        **{name: getattr(new, name) for name in _SHARED},
        state=state,
        tries=tries,
        losses=0,
        created_at=0.0,
        due_at=0.0,
        finished_at=None,
        code=None,
        result=None,
    )


_SHARED = ("id", "kind", "lane", "project", "payload", "parent", "accessor", "method", "tags")


def attempt_of(outcome: Done | Retry | GivenUp) -> Attempt:
    assert outcome.attempt is not None
    return outcome.attempt
