"""TensorFlow Serving's REST API over the server's core; needs the message modules, never TensorFlow itself."""

from infra.tfserving.rest.app import create_app

__all__ = ["create_app"]
