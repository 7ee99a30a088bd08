"""What Google's libraries raise becomes a sentence for people."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound, RetryError, Unauthorized
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError

from events.wording import of_library
from service.causes import cause
from service.errors import ModelManagerError

SIGN_IN = "sign in with `gcloud auth application-default login`, or name a key file with GOOGLE_APPLICATION_CREDENTIALS"


class GoogleFailure(ModelManagerError):
    """Google Cloud, or an emulator, refused or did not answer."""


class Missing(GoogleFailure):
    """The bucket, topic or subscription does not exist."""


class NotAllowed(GoogleFailure):
    """The account may not do this."""


@contextmanager
def google_errors(what: str) -> Iterator[None]:
    """Turn errors of Google's libraries into ours; `what` says what was tried, such as `cannot list gs://b`."""
    try:
        yield
    except DefaultCredentialsError as error:
        raise NotAllowed(f"{what}: no Google credentials; {SIGN_IN}") from error
    except TransportError as error:  # nobody refused: whoever signs people in was not reached
        raise GoogleFailure(f"{what}: signing in: {cause(error)}") from error
    except GoogleAuthError as error:
        raise NotAllowed(f"{what}: signing in failed: {cause(error)}; {SIGN_IN}") from error
    except NotFound as error:
        raise Missing(f"{what}: {of_library(error.message)}") from error
    except (Forbidden, Unauthorized) as error:
        raise NotAllowed(f"{what}: {of_library(error.message)}") from error
    except (GoogleAPICallError, RetryError, requests.RequestException) as error:
        raise GoogleFailure(f"{what}: {cause(error)}") from error
