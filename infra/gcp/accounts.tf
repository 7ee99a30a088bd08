# One account for each role that talks to Google. The configurator and the master never do, so they have none.

resource "google_service_account" "puller" {
  project      = var.project
  account_id   = "mm-puller"
  display_name = "model.manager: nodes read models and hear of new ones"
}

resource "google_storage_bucket_iam_member" "puller_reads" {
  bucket = local.bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.puller.member
}

resource "google_pubsub_subscription_iam_member" "puller_hears" {
  for_each     = google_pubsub_subscription.node
  project      = var.project
  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.puller.member
}

resource "google_service_account_iam_member" "puller" {
  for_each           = var.puller_principals
  service_account_id = google_service_account.puller.name
  role               = "roles/iam.workloadIdentityUser"
  member             = each.key
}

resource "google_service_account" "publisher" {
  project      = var.project
  account_id   = "mm-publisher"
  display_name = "model.manager: training jobs upload models"
}

# Creator, not admin: what is uploaded can neither be replaced nor deleted by whoever uploads.
resource "google_storage_bucket_iam_member" "publisher" {
  for_each = toset(["roles/storage.objectCreator", "roles/storage.objectViewer"])
  bucket   = local.bucket
  role     = each.key
  member   = google_service_account.publisher.member
}

resource "google_service_account_iam_member" "publisher" {
  for_each           = var.publisher_principals
  service_account_id = google_service_account.publisher.name
  role               = "roles/iam.workloadIdentityUser"
  member             = each.key
}

# A bucket with requester-pays refuses requests that name no project whose services the account may use.
resource "google_project_iam_member" "payer" {
  for_each = var.billing_project == null ? {} : {
    puller    = google_service_account.puller.member
    publisher = google_service_account.publisher.member
  }
  project = var.billing_project
  role    = "roles/serviceusage.serviceUsageConsumer"
  member  = each.value
}
