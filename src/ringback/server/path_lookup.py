"""Finds the project and the key that a path names."""

from starlette.requests import Request

from ringback.errors import Refusal
from ringback.keys import ApiKey, KeyStore, Project
from ringback.server.auth import Caller, forbidden
from ringback.server.permissions import OWNER, Permission
from ringback.server.request_parsing import no_such_project, path_uuid


async def project_of(keys: KeyStore, request: Request) -> Project:
    """The project that the path names; raises `Refusal` (404)."""
    project_id = path_uuid(request, "project_id")
    for project in await keys.projects():
        if project.id == project_id:
            return project
    raise no_such_project()


async def key_of(keys: KeyStore, request: Request, caller: Caller, permission: Permission) -> ApiKey:
    """The key that the path names, if the caller may do this with it; raises `Refusal`: 404 if they may not
    even see it. Only owners may change keys with the scope `owner`."""
    project = await project_of(keys, request)
    key_id = path_uuid(request, "key_id")
    for key in await keys.keys(project.id):
        if key.id == key_id and caller.covers(Permission.READ_KEYS, key.id):
            break
    else:
        raise no_such_key()
    guarded = OWNER in key.scopes and permission is not Permission.READ_KEYS
    if not caller.covers(permission, key.id) or (
        guarded and not caller.covers(Permission.CHANGE_OWNERS, key.id)
    ):
        raise forbidden()
    return key


def no_such_key() -> Refusal:
    return Refusal(404, "KEY_NOT_FOUND", "API key not found.")
