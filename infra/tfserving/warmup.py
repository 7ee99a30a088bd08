"""Replay an export's warmup requests while it loads, so that its first user does not pay for the start.

The file is a TFRecord of PredictionLog, written by whoever exported the model. A record that fails, or a file that
does not parse, fails the load.
"""

from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from infra.tfserving.multi_inference import check_tasks
from infra.tfserving.servable import Code, LoadFailure, RequestFailure, Servable
from infra.tfserving.tfrecord import records

FILE = Path("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS = 1000


def warm_up(servable: Servable, path: Path, *, iterations: int) -> int:
    """Replay the records of the export in `path`, if it has any; return how many there were."""
    file = path / FILE
    if not file.exists():
        return 0
    count = 0
    for record in records(file):
        for _ in range(iterations):
            replay(servable, parse(record, file))
        count += 1
        if count > MAX_RECORDS:
            raise LoadFailure(
                Code.INVALID_ARGUMENT, f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}"
            )
    return count


def parse(record: bytes, file: Path) -> PredictionLog:
    """Read one record."""
    try:
        return PredictionLog.FromString(record)
    except DecodeError as error:
        shown = record.decode(errors="surrogateescape")  # raw, as it goes out to whoever asks for the status
        raise LoadFailure(Code.INVALID_ARGUMENT, f"Failed to parse warmup record: {shown} from {file}") from error


def replay(servable: Servable, log: PredictionLog) -> None:
    """Send the request of one record."""
    try:
        match log.WhichOneof("log_type"):
            case "predict_log":
                servable.predict(log.predict_log.request)
            case "classify_log":
                servable.classify(log.classify_log.request)
            case "regress_log":
                servable.regress(log.regress_log.request)
            case "multi_inference_log":
                replay_tasks(servable, log)
            case None:
                return
            case other:
                number = PredictionLog.DESCRIPTOR.fields_by_name[other].number
                raise LoadFailure(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {number}")
    except RequestFailure as failure:
        raise LoadFailure(failure.code, failure.message) from failure


def replay_tasks(servable: Servable, log: PredictionLog) -> None:
    """Send each part of a request that asks several signatures about the same examples."""
    request = log.multi_inference_log.request
    check_tasks(request.tasks)
    for task in request.tasks:
        if task.method_name == "tensorflow/serving/regress":
            servable.regress(RegressionRequest(model_spec=task.model_spec, input=request.input))
        else:
            servable.classify(ClassificationRequest(model_spec=task.model_spec, input=request.input))
