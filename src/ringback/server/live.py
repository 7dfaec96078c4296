"""`WS /v1/listen`: refused for now, in words that a client's log can show."""

from starlette.websockets import WebSocket

from ringback.errors import Failure
from ringback.server.problems import (
    LISTEN_PATH,
    error_document,
    error_headers,
    json_response,
    request_id_of,
)

NOT_YET = Failure(501, "NOT_IMPLEMENTED", "This server does not serve live streams yet; POST a recording.")


async def refuse(websocket: WebSocket) -> None:
    """Answer the handshake with a status, `dg-error` and a body, as Deepgram does for handshakes it refuses
    (https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors)."""
    document = error_document(LISTEN_PATH, NOT_YET, request_id_of(websocket))
    await websocket.send_denial_response(json_response(document, NOT_YET.status, error_headers(NOT_YET)))
