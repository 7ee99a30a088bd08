variable "project" {
  description = "Project of the topic, the subscriptions and the accounts (MM_PROJECT)."
  type        = string
}

variable "bucket" {
  description = "Name of the bucket that models are uploaded to, without gs:// (MM_BUCKET)."
  type        = string
}

variable "create_bucket" {
  description = "Whether to make the bucket; false where it is there already."
  type        = bool
  default     = true
}

variable "bucket_project" {
  description = "Project of the bucket, where it is another one."
  type        = string
  default     = null
}

variable "location" {
  description = "Where the bucket stores its bytes, such as EUROPE-WEST1; needed to make it."
  type        = string
  default     = null
}

variable "topic" {
  description = "Name of the topic of the bucket's notifications (MM_TOPIC)."
  type        = string
  default     = "models"
}

variable "prefix" {
  description = "Folder of the bucket that holds the models, ending in '/'; empty for the whole bucket (MM_PREFIX)."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9][A-Za-z0-9._/-]*/)?$", var.prefix))
    error_message = "The prefix is empty, or letters, digits and ._-/ that end in '/'."
  }
}

variable "nodes" {
  description = "The nodes' names (MM_NODE): each gets a subscription."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for node in var.nodes : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$", node))])
    error_message = "A node's name is 1 to 200 letters, digits and ._-, the first a letter or digit."
  }
}

variable "subscription_days" {
  description = "A subscription expires when its node was away for so many days (MM_SUBSCRIPTION_DAYS)."
  type        = number
  default     = 31
}

variable "puller_principals" {
  description = "Who may act as the pullers' account, such as principalSet://iam.googleapis.com/… of on-premises nodes."
  type        = set(string)
  default     = []
}

variable "publisher_principals" {
  description = "Who may act as the account that uploads models: training jobs and CI."
  type        = set(string)
  default     = []
}

variable "alert_seconds" {
  description = "Alert when a node left a notification untouched for so long; below the hour that messages are kept."
  type        = number
  default     = 600
}

variable "notification_channels" {
  description = "Cloud Monitoring channels that hear the alert."
  type        = list(string)
  default     = []
}
