# What model.manager needs of Google Cloud: a bucket that tells a topic of new objects, a subscription for each node,
# and accounts with the least rights (docs/google-cloud.md). `model-manager bootstrap` makes the same without accounts.

locals {
  bucket         = var.create_bucket ? google_storage_bucket.models[0].name : var.bucket
  bucket_project = coalesce(var.bucket_project, var.project)
  topic_project  = coalesce(var.topic_project, var.project)

  # As the puller writes it (events/subscription.py): with another filter it would replace the subscription.
  own_filter    = "attributes.eventType = \"OBJECT_FINALIZE\""
  narrow_filter = "${local.own_filter} AND hasPrefix(attributes.objectId, \"${var.prefix}\")"
  filter        = var.prefix != "" && length(local.narrow_filter) <= 256 ? local.narrow_filter : local.own_filter
}

resource "google_storage_bucket" "models" {
  count                       = var.create_bucket ? 1 : 0
  name                        = var.bucket
  project                     = local.bucket_project
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  lifecycle {
    precondition {
      condition     = var.location != null
      error_message = "Choose where the bucket stores its bytes: set location."
    }
  }
}

resource "google_pubsub_topic" "models" {
  name    = var.topic
  project = local.topic_project
}

# Cloud Storage publishes in the name of the service agent of the bucket's project.
data "google_storage_project_service_account" "agent" {
  project = local.bucket_project
}

resource "google_pubsub_topic_iam_member" "agent" {
  project = local.topic_project
  topic   = google_pubsub_topic.models.name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${data.google_storage_project_service_account.agent.email_address}"
}

resource "google_storage_notification" "models" {
  bucket             = local.bucket
  topic              = google_pubsub_topic.models.id
  event_types        = ["OBJECT_FINALIZE"]
  payload_format     = "NONE"
  object_name_prefix = var.prefix == "" ? null : var.prefix
  depends_on         = [google_pubsub_topic_iam_member.agent]
}

# One for each node: every node hears everything. No dead-letter topic: a puller acks whatever it takes.
resource "google_pubsub_subscription" "node" {
  for_each                   = var.nodes
  name                       = "${var.topic}-${each.key}"
  project                    = var.project
  topic                      = google_pubsub_topic.models.id
  filter                     = local.filter
  ack_deadline_seconds       = 10
  message_retention_duration = "3600s"

  expiration_policy {
    ttl = "${var.subscription_days * 86400}s"
  }

  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "60s"
  }
}
