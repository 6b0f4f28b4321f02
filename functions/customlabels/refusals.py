"""What a client is told when its request is refused: the codes with their statuses, and the exception.

The table is the only place where a code has a status; the OpenAPI document and the README's table are held to it.
"""

from typing import NamedTuple


class Code(NamedTuple):
    """The HTTP status of a code, and when it is given."""

    status: int
    when: str


CODES = {
    "InvalidBody": Code(400, "the body cannot be read"),
    "InvalidBase64": Code(400, "the image is not base64"),
    "InvalidImage": Code(400, "the image is no PNG or JPEG that the model can take"),
    "BadRequest": Code(400, "the gateway cannot read the request"),
    "Forbidden": Code(403, "no valid API key"),
    "WakeDisabled": Code(403, "this API may not start the model"),
    "NotFound": Code(404, "an unknown path"),
    "ImageNotFound": Code(404, "nothing was uploaded under the key"),
    "NoModel": Code(404, "no version of the project is live"),
    "ImageTooLarge": Code(413, "more than 4 MB in the request, or 15 MB uploaded"),
    "UnsupportedMediaType": Code(415, "another content type"),
    "InvalidField": Code(422, "a field that is unknown, missing or has a bad value"),
    "TooManyRequests": Code(429, "the usage plan's, the stage's or the model's limit; see Retry-After"),
    "QuotaExceeded": Code(429, "the key's requests, or the feedback, of the day are used up; see Retry-After"),
    "InternalError": Code(500, "a fault of this API"),
    "ModelNotRunning": Code(503, "no model runs; see Retry-After"),
    "ModelStarting": Code(503, "the model slept and is being started, which takes minutes; see Retry-After"),
    "ServiceUnavailable": Code(503, "a service behind the API could not be reached; see Retry-After"),
    "TimedOut": Code(504, "the model did not answer in time; see Retry-After"),
}


class Refusal(Exception):
    """A request that is refused: a code of CODES, a sentence, and seconds after which to try again."""

    def __init__(self, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = CODES[code].status
        self.code = code
        self.message = message
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message}

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
