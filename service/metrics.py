"""Every Prometheus metric of every service, in one list. Names say the unit."""

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

# All services
PASSES = Counter("mm_passes", "Passes of the loop", ["outcome"])
PASS_SECONDS = Histogram("mm_pass_seconds", "Duration of a successful pass", buckets=_FAST)
NATS_CONNECTED = Gauge("mm_nats_connected", "1 while NATS is connected")
EVENTS_SENT = Counter("mm_events_sent", "Events acknowledged by the stream", ["type"])
EVENTS_DROPPED = Counter("mm_events_dropped", "Events dropped: nats away for too long, too big", ["why"])
VALUES_DROPPED = Counter("mm_values_dropped", "Reports and signs of life that NATS refused for their size", ["bucket"])
NATS_FAILING = Gauge("mm_nats_failing", "Watches and writes that fail though NATS may be connected")
BAD_MESSAGES = Counter("mm_bad_messages", "Messages that could not be read", ["subject"])

# Puller
NOTIFICATIONS = Counter("mm_notifications", "Pub/Sub messages: fresh, repeated, ignored, unparseable", ["outcome"])
DOWNLOADED_BYTES = Counter("mm_downloaded_bytes", "Bytes of fetched versions: bucket, neighbours, disk", ["source"])
DOWNLOAD_SECONDS = Histogram("mm_download_seconds", "Duration of a version's successful transfer", buckets=_FAST)
DOWNLOADS_FAILED = Counter("mm_downloads_failed", "Transfers that did not end in publication, by state", ["outcome"])
PULLED_VERSIONS = Gauge("mm_pulled_versions", "Versions by their state on the puller's side", ["state"])
VERSIONS_STUCK = Gauge("mm_versions_stuck", "Versions that are uploaded or fetched for 15 minutes", ["state"])
IGNORED_OBJECTS = Gauge("mm_ignored_objects", "Objects in the bucket that are no file of a version", ["reason"])
BUCKET_CONNECTED = Gauge("mm_bucket_connected", "1 while the bucket answers")
PUBSUB_CONNECTED = Gauge("mm_pubsub_connected", "1 while the stream of notifications is open")
DISK_FREE_BYTES = Gauge("mm_disk_free_bytes", "Free bytes where the models are")
MODELS_BYTES = Gauge("mm_models_bytes", "Bytes of the published versions, equal files counted once")
EXCHANGE_SENT_BYTES = Counter("mm_exchange_sent_bytes", "Bytes of models given to neighbours of the site")
EXCHANGE_LIES = Counter("mm_exchange_lies", "Wrong bytes that neighbours gave, once for a neighbour and a version")
EXCHANGE_REFUSED = Counter("mm_exchange_refused", "Requests to the exchange that were not signed by the site's secret")

# Configurator
SERVING_CONNECTED = Gauge("mm_serving_connected", "1 while TensorFlow Serving answers")
RELOADS = Counter("mm_reloads", "Reloads sent to TensorFlow Serving: accepted, rejected, overdue", ["outcome"])
LOAD_SECONDS = Histogram("mm_load_seconds", "From a version's reload to its being available", buckets=_FAST)
QUARANTINED = Counter("mm_versions_quarantined", "Versions that went into quarantine")
VERSIONS_REMOVED = Counter("mm_versions_removed", "Versions deleted from the disk")
SERVING_VERSION = Gauge(
    "mm_serving_version", "1 for each version that a model serves on this node", ["model", "version"]
)
DEFAULT_VERSION = Gauge(
    "mm_default_version", "1 for the version that clients get who name none: the highest loaded", ["model", "version"]
)
SERVED_VERSIONS = Gauge("mm_served_versions", "Versions by their state on the configurator's side", ["state"])
MODELS_DIFFERING = Gauge(
    "mm_models_differing", "Models that are not served as desired, and not on their way, or for 15 minutes"
)

# Master
API_REQUESTS = Counter("mm_api_requests", "Requests to the API, by route", ["route", "status"])
API_SECONDS = Histogram("mm_api_seconds", "Duration of an answer of the API, by route", ["route"], buckets=_FAST)
API_STREAMS = Gauge("mm_api_streams", "Event streams open")
