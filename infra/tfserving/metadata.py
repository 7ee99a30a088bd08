"""What GetModelMetadata tells of a loaded version: its signatures."""

from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

from infra.tfserving.servable import Servable

FIELD = "signature_def"  # the only metadata field TensorFlow Serving knows


def signature_map(servable: Servable) -> SignatureDefMap:
    """Return all signatures, the initializer's included, as TensorFlow Serving does."""
    found = SignatureDefMap()
    for name, signature in servable.signatures.items():
        found.signature_def[name].CopyFrom(signature)
    return found
