"""MultiInference: several classify and regress tasks of one model over the same examples.

TensorFlow Serving runs them as one session call; here each task runs by itself on the same servable.
"""

from collections.abc import Sequence

from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.inference_pb2 import (
    InferenceResult,
    InferenceTask,
    MultiInferenceRequest,
    MultiInferenceResponse,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from infra.tfserving.grpc_answer import lend
from infra.tfserving.servable import Code, Core, Found, RequestFailure

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"


def infer(core: Core, request: MultiInferenceRequest) -> MultiInferenceResponse:
    """Run all tasks, or raise `RequestFailure`."""
    tasks = list(request.tasks)
    with lend(core, tasks[0].model_spec if tasks else ModelSpec()) as found:
        check_tasks(tasks)
        return MultiInferenceResponse(results=[_run(found, task, request) for task in tasks])


def check_tasks(tasks: Sequence[InferenceTask]) -> None:
    """Refuse tasks that cannot be asked together by `RequestFailure`."""
    signatures: set[str] = set()
    for task in tasks:
        if not task.model_spec.name:
            raise RequestFailure(Code.INVALID_ARGUMENT, "Found ModelSpec with an empty model name.")
        if task.model_spec.name != tasks[0].model_spec.name:
            raise RequestFailure(
                Code.INVALID_ARGUMENT,
                "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
            )
        signature = task.model_spec.signature_name or "serving_default"
        if signature in signatures:
            raise RequestFailure(Code.INVALID_ARGUMENT, f"Duplicate evaluation of signature: {signature}")
        signatures.add(signature)


def _run(found: Found, task: InferenceTask, request: MultiInferenceRequest) -> InferenceResult:
    result = InferenceResult(model_spec=task.model_spec)
    if task.method_name == CLASSIFY:
        classified = found.servable.classify(ClassificationRequest(model_spec=task.model_spec, input=request.input))
        result.classification_result.CopyFrom(classified.result)
    elif task.method_name == REGRESS:
        regressed = found.servable.regress(RegressionRequest(model_spec=task.model_spec, input=request.input))
        result.regression_result.CopyFrom(regressed.result)
    else:
        raise RequestFailure(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")
    result.model_spec.version.value = found.version
    return result
