resource "google_monitoring_alert_policy" "unheard" {
  project               = var.project
  display_name          = "model.manager: a node does not hear of new models"
  combiner              = "OR"
  notification_channels = var.notification_channels

  conditions {
    display_name = "oldest notification not taken"

    condition_threshold {
      filter = join(" AND ", [
        "resource.type = \"pubsub_subscription\"",
        "metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\"",
        "resource.labels.subscription_id = starts_with(\"${var.topic}-\")",
      ])
      comparison      = "COMPARISON_GT"
      threshold_value = var.alert_seconds
      duration        = "0s"

      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "The node named by the subscription is off, cut off, or its puller is stuck. New models still come with its poll if it runs: look at its /status, port 8001. A node that is gone for good: take it out of `nodes`."
  }
}
