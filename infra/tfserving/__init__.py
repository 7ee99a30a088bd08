"""A drop-in for TensorFlow Serving's `tensorflow_model_server`: same flags, same gRPC and REST, same traps.

Production runs the official image. This program stands in for it where no registry is reached: in the embedded
stack, and in tests, which need a server that can be slow, fail, hang or lie on demand.
"""

from infra.tfserving.lean import skip_tensorflow

skip_tensorflow()  # before any module here imports the messages
