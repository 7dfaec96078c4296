"""The models that this server has: https://developers.deepgram.com/reference/manage/models/list"""

from starlette.requests import Request
from starlette.responses import Response

from ringback.engines.base import ModelInfo
from ringback.errors import Refusal
from ringback.server.auth import Authenticator
from ringback.server.permissions import Permission
from ringback.server.request_parsing import answer, caller_of_project, path_uuid
from ringback.server.services import Services


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

    def _list(self) -> dict[str, object]:
        return {"stt": [_model_document(model) for model in self._catalogue.models()], "tts": []}

    def _one(self, request: Request) -> dict[str, object]:
        model_id = path_uuid(request, "model_id")
        for model in self._catalogue.models():
            if model.uuid == model_id:
                return _model_document(model)
        raise Refusal(404, "MODEL_NOT_FOUND", "Model not found.")


def _model_document(model: ModelInfo) -> dict[str, object]:
    return {
        "name": model.name,
        "canonical_name": model.name,
        "architecture": model.arch,
        "languages": model.languages,
        "version": model.version,
        "uuid": model.uuid,
        "batch": True,
        "streaming": True,
        "formatted_output": True,
    }
