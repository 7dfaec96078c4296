"""Projects: https://developers.deepgram.com/reference/manage/projects, and adding them, which is ours.

Operators see and manage all projects; other callers see their own.
"""

import asyncio
import uuid
from contextlib import suppress
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from ringback import telemetry
from ringback.errors import Refusal
from ringback.keys import LONGEST_PROJECT_NAME, Project, is_project_name
from ringback.server.auth import Authenticator
from ringback.server.body import Pace
from ringback.server.operations import PROJECT_PATH, Message, Operation, Uuid
from ringback.server.path_lookup import project_of
from ringback.server.permissions import Permission, Reach
from ringback.server.request_parsing import answer, caller_of_project, json_body, no_such_project, path_uuid
from ringback.server.services import Services

TAG = "Projects"

ERASING_SECONDS = 20.0
"""Seconds that a call waits until a project is erased completely; the eraser continues after that."""


class ProjectDocument(msgspec.Struct):
    project_id: Uuid
    name: str


class ProjectDetails(msgspec.Struct):
    project_id: Uuid
    name: str
    mip_opt_out: bool
    """Always true: audio and transcripts never leave this server."""


class ProjectList(msgspec.Struct):
    projects: list[ProjectDocument]


class _Named(msgspec.Struct):
    name: Annotated[str, Meta(max_length=LONGEST_PROJECT_NAME)]


_LIST = "/v1/projects"
LIST_PROJECTS = Operation("GET", _LIST, "listProjects", TAG, "The projects that the key may see", ProjectList)
CREATE_PROJECT = Operation(
    "POST", _LIST, "createProject", TAG, "Make a project", ProjectDocument, body=_Named, errors=(409,)
)
SHOW_PROJECT = Operation("GET", PROJECT_PATH, "getProject", TAG, "One project", ProjectDetails)
RENAME_PROJECT = Operation(
    "PATCH", PROJECT_PATH, "renameProject", TAG, "Rename a project", Message, body=_Named, errors=(409,)
)
DELETE_PROJECT = Operation(
    "DELETE",
    PROJECT_PATH,
    "deleteProject",
    TAG,
    "Delete a project and erase what is in it",
    Message,
    errors=(409,),
)


class ProjectRoutes:
    """The routes."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._keys = services.keys
        self._erasing = services.erasing
        self._streams = services.streams
        self._authenticator = authenticator
        self._pace = Pace(services.limits.body_bytes_per_second)

    async def list(self, request: Request) -> Response:
        """The caller's own project; for operators followed by all others."""
        caller = await self._authenticator.authenticate(request)
        caller.require(Permission.READ_PROJECT)
        every = caller.reach(Permission.READ_PROJECT) is Reach.SERVER
        found = [each for each in await self._keys.projects() if every or each.id == caller.project]
        found.sort(key=lambda each: each.id != caller.project)
        return answer(ProjectList([_project_document(project) for project in found]))

    async def create(self, request: Request) -> Response:
        caller = await self._authenticator.authenticate(request)
        caller.require(Permission.MANAGE_PROJECTS)
        name = _checked((await json_body(request, self._pace, _NAMED)).name)
        project = Project(str(uuid.uuid4()), name)
        try:
            await self._keys.add_project(project)
        except ValueError:
            raise _name_taken() from None
        telemetry.event("project.created", project=project.id, by=caller.key_id)
        return answer(_project_document(project))

    async def show(self, request: Request) -> Response:
        await caller_of_project(request, self._authenticator, Permission.READ_PROJECT)
        project = await project_of(self._keys, request)
        return answer(ProjectDetails(project.id, project.name, mip_opt_out=True))

    async def rename(self, request: Request) -> Response:
        caller = await caller_of_project(request, self._authenticator, Permission.MANAGE_PROJECTS)
        name = _checked((await json_body(request, self._pace, _NAMED)).name)
        project = path_uuid(request, "project_id")
        try:
            if not await self._keys.rename_project(project, name):
                raise no_such_project()
        except ValueError:
            raise _name_taken() from None
        telemetry.event("project.renamed", project=project, by=caller.key_id)
        return answer(Message("Successfully updated project info."))

    async def delete(self, request: Request) -> Response:
        """The project's keys stop working at once; requests, results and callbacks are erased."""
        caller = await caller_of_project(request, self._authenticator, Permission.MANAGE_PROJECTS)
        project = path_uuid(request, "project_id")
        if project == (await self._keys.projects())[0].id:
            raise Refusal(409, "FIRST_PROJECT", "The first project is the operator's: it cannot be deleted.")
        if not await self._keys.delete_project(project):
            raise no_such_project()
        self._authenticator.clear_cache()
        self._streams.cancel_project(project)
        telemetry.event("project.deleted", project=project, by=caller.key_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(ERASING_SECONDS):
                await self._erasing.project(project)
        return answer(Message("Successfully deleted the project."))


_NAMED = msgspec.json.Decoder(_Named)


def _checked(name: str) -> str:
    if not is_project_name(name):
        raise Refusal(400, "PAYLOAD_ERROR", "`name` must be printable text, and not a UUID.")
    return name


def _project_document(project: Project) -> ProjectDocument:
    return ProjectDocument(project.id, project.name)


def _name_taken() -> Refusal:
    return Refusal(409, "PROJECT_NAME_TAKEN", "Another project has this name.")
