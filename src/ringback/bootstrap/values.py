"""What the settings say, in the values that each package takes. Settings themselves stop here."""

from ringback.callbacks.operational_watch import WatchLimits
from ringback.egress.responses import FetchLimits, Limits
from ringback.engines.messages import EngineSetup
from ringback.engines.other_packages import kinds_of_other_packages
from ringback.engines.registry import ModelCatalogue, all_kinds
from ringback.keys import KeyLimits
from ringback.quota import DailyLimits
from ringback.retry_schedule import RetrySchedule, schedule_or_default
from ringback.server.services import ServiceLimits
from ringback.settings import CallbackSettings, FetchSettings, LimitSettings, Settings, WebhookSettings


def engine_setup(settings: Settings) -> EngineSetup:
    engine = settings.engine
    models = str(settings.data_path / "models")
    return EngineSetup(
        model=settings.model,
        live_model=_live_model(settings),
        models=models,
        threads=engine.threads,
        device=engine.device,
        compute_type=engine.compute_type,
        sandbox=engine.sandbox,
        batch=engine.batch,
        kinds=kinds_of_other_packages(),
    )


def model_catalogue(settings: Settings) -> ModelCatalogue:
    """Raises `Misconfigured` where a configured model is not here."""
    kinds = all_kinds(kinds_of_other_packages())
    return ModelCatalogue(
        settings.model, settings.data_path / "models", kinds, live_model=_live_model(settings)
    )


def _live_model(settings: Settings) -> str:
    """Only a process with live streams loads it."""
    return settings.live_model if settings.does("api") else ""


def attempt_limits(settings: CallbackSettings) -> Limits:
    return Limits(settings.connect_timeout, settings.timeout)


def server_schedule(settings: CallbackSettings) -> RetrySchedule:
    """Where neither a request nor its key has one."""
    return schedule_or_default(
        settings.schedule, RetrySchedule.constant(settings.retries, settings.retry_delay)
    )


def watch_limits(settings: WebhookSettings) -> WatchLimits:
    return WatchLimits(
        settings.failing_after, settings.stalled_seconds, settings.disk_bytes, settings.expiring_seconds
    )


def fetch_limits(settings: FetchSettings) -> FetchLimits:
    return FetchLimits(
        settings.connect_timeout, settings.response_timeout, settings.timeout, settings.bytes_per_second
    )


def daily_limits(settings: LimitSettings) -> DailyLimits:
    return DailyLimits(settings.daily_audio_seconds_per_key, settings.daily_audio_seconds_per_project)


def service_limits(settings: Settings) -> ServiceLimits:
    limits = settings.limits
    return ServiceLimits(
        keys=KeyLimits(
            requests=limits.requests_per_key,
            queued_bytes=limits.queued_bytes_per_key,
            daily_audio_seconds=limits.daily_audio_seconds_per_key,
        ),
        upload_bytes=limits.upload_bytes,
        body_bytes_per_second=limits.body_bytes_per_second,
        processing_seconds=limits.processing_seconds,
        keep_results_seconds=settings.keep.results,
    )
