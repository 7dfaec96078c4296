"""The models that this server has: https://developers.deepgram.com/reference/manage/models/list"""

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.engines.base import ModelInfo
from ringback.errors import Refusal
from ringback.server.auth import Authenticator
from ringback.server.operations import PROJECT_PATH, Operation, Uuid
from ringback.server.permissions import Permission
from ringback.server.request_parsing import answer, caller_of_project, path_uuid
from ringback.server.services import Services

TAG = "Models"


class ModelDocument(msgspec.Struct):
    name: str
    canonical_name: str
    architecture: str
    languages: Sequence[str]
    version: str
    uuid: Uuid
    batch: bool
    streaming: bool
    formatted_output: bool


class ModelList(msgspec.Struct):
    """What really runs here."""

    stt: list[ModelDocument]
    tts: list[ModelDocument]
    """Always empty."""


_MODELS, _PROJECT_MODELS = "/v1/models", f"{PROJECT_PATH}/models"
_ONE = "/{model_id}"
LIST_MODELS = Operation("GET", _MODELS, "listModels", TAG, "The models", ModelList, needs_key=False)
SHOW_MODEL = Operation("GET", _MODELS + _ONE, "getModel", TAG, "One model", ModelDocument, needs_key=False)
LIST_PROJECT_MODELS = Operation("GET", _PROJECT_MODELS, "listProjectModels", TAG, "The same list", ModelList)
SHOW_PROJECT_MODEL = Operation(
    "GET", _PROJECT_MODELS + _ONE, "getProjectModel", TAG, "One of them", ModelDocument
)


class ModelRoutes:
    """Routes for model lists. None needs a key but the project's own."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._catalogue = services.catalogue
        self._authenticator = authenticator

    async def models(self, _: Request) -> Response:
        return answer(self._list())

    async def model(self, request: Request) -> Response:
        return answer(self._one(request))

    async def project_models(self, request: Request) -> Response:
        await caller_of_project(request, self._authenticator, Permission.READ_PROJECT)
        return answer(self._list())

    async def project_model(self, request: Request) -> Response:
        await caller_of_project(request, self._authenticator, Permission.READ_PROJECT)
        return answer(self._one(request))

    def _list(self) -> ModelList:
        return ModelList([_model_document(model) for model in self._catalogue.models()], [])

    def _one(self, request: Request) -> ModelDocument:
        model_id = path_uuid(request, "model_id")
        for model in self._catalogue.models():
            if model.uuid == model_id:
                return _model_document(model)
        raise Refusal(404, "MODEL_NOT_FOUND", "Model not found.")


def _model_document(model: ModelInfo) -> ModelDocument:
    return ModelDocument(
        name=model.name,
        canonical_name=model.name,
        architecture=model.arch,
        languages=model.languages,
        version=model.version,
        uuid=model.uuid,
        batch=True,
        streaming=True,
        formatted_output=True,
    )
