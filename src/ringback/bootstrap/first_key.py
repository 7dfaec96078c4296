"""The keys that the operator did not make by command: the one in the settings, and the very first one."""

import uuid

from ringback.clock import Clock
from ringback.keys import ApiKey, KeyStore, operators_key_id, secret_hash
from ringback.settings import Settings

API_KEY_VARIABLE = "RINGBACK_API_KEY"


async def ensure_api_key(settings: Settings, keys: KeyStore, clock: Clock, first_secret: str) -> None:
    """The operator's own key, or, on the very first start, one of `first_secret` that is printed once.

    Tried again with the same secret, it prints the key that an earlier try may have added without hearing of
    it. The operator's key has one place in the ledger: another value takes it over, and none empties it.
    """
    project = (await keys.projects())[0].id
    operators = operators_key_id(project)
    held = await keys.key_by_hash(secret_hash(settings.api_key)) if settings.api_key else None
    if held is None or held.id != operators:
        await keys.remove_key(project, operators)
    if settings.api_key:
        if held is None:
            owner = _owner(operators, project, API_KEY_VARIABLE, clock.now())
            await _add(keys, owner, settings.api_key)
    elif not await keys.keys(project):
        owner = _owner(str(uuid.uuid4()), project, "made on the first start", clock.now())
        await _add(keys, owner, first_secret)
        _show(first_secret)
    elif await keys.key_by_hash(secret_hash(first_secret)) is not None:
        _show(first_secret)


def _show(secret: str) -> None:
    print(f"Your API key, shown this once and stored only as a hash:\n\n    {secret}\n", flush=True)


async def _add(keys: KeyStore, key: ApiKey, secret: str) -> None:
    try:
        await keys.add_key(key, secret_hash(secret))
    except ValueError:
        # Another node that started in the same moment has added it, or an earlier try whose answer was lost.
        if await keys.key_by_hash(secret_hash(secret)) is None:
            raise


def _owner(key_id: str, project: str, comment: str, created_at: float) -> ApiKey:
    return ApiKey(
        id=key_id,
        project=project,
        comment=comment,
        scopes=("owner",),
        tags=(),
        created_at=created_at,
        expires_at=None,
    )
