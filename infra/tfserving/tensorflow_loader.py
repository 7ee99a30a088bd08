"""The loader for real inference: SavedModels with TensorFlow."""

import ctypes
from collections.abc import Callable, Mapping
from pathlib import Path

from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest, ClassificationResponse
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.regression_pb2 import RegressionRequest, RegressionResponse

from infra.tfserving import inference
from infra.tfserving.saved_model import check_folder
from infra.tfserving.servable import LoaderOptions, LoadFailure
from infra.tfserving.tensorflow_runtime import Session, load_session, open_runtime


def open_loader(options: LoaderOptions) -> "TensorFlowLoader":
    """Open TensorFlow; `TensorFlowMissing` where this environment has none."""
    return TensorFlowLoader(open_runtime(), options)


class TensorFlowLoader:
    """Loads exports, warmed up as the options say."""

    def __init__(self, runtime: ctypes.CDLL, options: LoaderOptions) -> None:
        self._runtime = runtime
        self._options = options

    def load(self, path: Path, *, cancelled: Callable[[], bool]) -> "TensorFlowServable":  # noqa: ARG002, of the seam
        """Load the version in `path`; TensorFlow's loading cannot be interrupted."""
        check_folder(path)
        session, meta = load_session(self._runtime, path, tags=self._options.saved_model_tags)
        servable = TensorFlowServable(session, dict(meta.signature_def))
        if not self._options.enable_model_warmup:
            return servable
        from infra.tfserving.warmup import warm_up  # noqa: PLC0415, its messages exist only beside TensorFlow

        try:
            warm_up(servable, path, iterations=self._options.warmup_iterations)
        except LoadFailure:
            servable.close()
            raise
        return servable

    def close(self) -> None:
        """Wait for loads: they have an end."""


class TensorFlowServable:
    """A loaded export."""

    def __init__(self, session: Session, signatures: Mapping[str, SignatureDef]) -> None:
        self._session = session
        self._signatures = signatures

    @property
    def signatures(self) -> Mapping[str, SignatureDef]:
        """Return the signatures of the export, by name."""
        return self._signatures

    def predict(self, request: PredictRequest) -> PredictResponse:
        """Run a signature on tensors."""
        return inference.predict(self._session.run, request, signatures=self._signatures)

    def classify(self, request: ClassificationRequest) -> ClassificationResponse:
        """Run a classification signature on examples."""
        return inference.classify(self._session.run, request, signatures=self._signatures)

    def regress(self, request: RegressionRequest) -> RegressionResponse:
        """Run a regression signature on examples."""
        return inference.regress(self._session.run, request, signatures=self._signatures)

    def close(self) -> None:
        """Free the graph and its variables."""
        self._session.close()
