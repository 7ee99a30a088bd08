output "topic" {
  description = "MM_TOPIC of all pullers."
  value       = local.topic_project == var.project ? google_pubsub_topic.models.name : google_pubsub_topic.models.id
}

output "subscriptions" {
  description = "MM_SUBSCRIPTION by node; it is what a puller calls it by itself."
  value       = { for node, subscription in google_pubsub_subscription.node : node => subscription.name }
}

output "puller_account" {
  description = "The account the nodes' pullers run as."
  value       = google_service_account.puller.email
}

output "publisher_account" {
  description = "The account that uploads models."
  value       = google_service_account.publisher.email
}
