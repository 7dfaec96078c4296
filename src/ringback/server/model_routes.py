"""The models that this server has, in one document that Deepgram's clients and OpenAI's both read:
https://developers.deepgram.com/reference/manage/models/list and
https://developers.openai.com/api/reference/resources/models/methods/list
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.engines.base import ModelInfo
from ringback.errors import Refusal
from ringback.openai.fields import is_openai_model
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
    id: str
    """The name that requests in OpenAI's form give it, as the next three are for OpenAI's clients."""
    object: Literal["model"] = "model"
    created: int = 0
    """Always 0: when a model was made is not known."""
    owned_by: str = "ringback"


class ModelList(msgspec.Struct):
    """The model that is really used."""

    stt: list[ModelDocument]
    tts: list[ModelDocument]
    """Always empty."""
    data: list[ModelDocument]
    """The same for OpenAI's clients: `whisper-1`, which stands for the first, and all of `stt`."""
    object: Literal["list"] = "list"


_MODELS, _PROJECT_MODELS = "/v1/models", f"{PROJECT_PATH}/models"
_ONE = "/{model_id}"
_BY_NAME = "/{model}"
"""OpenAI's clients ask by name."""

OPENAI_DEFAULT = "whisper-1"
"""Of OpenAI's names, which all stand for the configured model, the one that is listed."""

LIST_MODELS = Operation("GET", _MODELS, "listModels", TAG, "The models", ModelList, needs_key=False)
SHOW_MODEL = Operation(
    "GET", _MODELS + _BY_NAME, "getModel", TAG, "One model", ModelDocument, needs_key=False
)
LIST_PROJECT_MODELS = Operation("GET", _PROJECT_MODELS, "listProjectModels", TAG, "The same list", ModelList)
SHOW_PROJECT_MODEL = Operation(
    "GET", _PROJECT_MODELS + _ONE, "getProjectModel", TAG, "One of them", ModelDocument
)


class ModelRoutes:
    """Routes for model lists. Only the list of a project needs a key."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._catalogue = services.catalogue
        self._authenticator = authenticator

    async def models(self, _: Request) -> Response:
        return answer(self._list())

    async def model(self, request: Request) -> Response:
        name: str = request.path_params["model"]
        if is_openai_model(name):
            return answer(_model_document(self._catalogue.models()[0], name))
        for model in self._catalogue.models():
            if name == model.name or name.lower() == model.uuid:
                return answer(_model_document(model))
        raise _not_found()

    async def project_models(self, request: Request) -> Response:
        await caller_of_project(request, self._authenticator, Permission.READ_PROJECT)
        return answer(self._list())

    async def project_model(self, request: Request) -> Response:
        await caller_of_project(request, self._authenticator, Permission.READ_PROJECT)
        return answer(self._one(request))

    def _list(self) -> ModelList:
        models = self._catalogue.models()
        documents = [_model_document(model) for model in models]
        return ModelList(documents, [], [_model_document(models[0], OPENAI_DEFAULT), *documents])

    def _one(self, request: Request) -> ModelDocument:
        model_id = path_uuid(request, "model_id")
        for model in self._catalogue.models():
            if model.uuid == model_id:
                return _model_document(model)
        raise _not_found()


def _not_found() -> Refusal:
    return Refusal(404, "MODEL_NOT_FOUND", "Model not found.")


def _model_document(model: ModelInfo, name: str = "") -> ModelDocument:
    """`name`: under which it is asked for, where it is not its own."""
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
        id=name or model.name,
    )
