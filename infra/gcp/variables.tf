variable "project" {
  description = "Project of the subscriptions and the accounts, and of the topic unless that has another one (MM_PROJECT)."
  type        = string

  validation {
    condition     = can(regex("^(?:(?:[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?:)?[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?|[0-9]{1,19})$", var.project))
    error_message = "A project goes by its id, its number, or its id with a domain: my-project-123, 123456789, example.com:my-project."
  }
}

variable "topic_project" {
  description = "Project of the topic, where it is another one; MM_TOPIC is its whole path then."
  type        = string
  default     = null

  validation {
    condition     = var.topic_project == null || can(regex("^(?:(?:[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?:)?[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?|[0-9]{1,19})$", var.topic_project))
    error_message = "A project goes by its id, its number, or its id with a domain: my-project-123, 123456789, example.com:my-project."
  }
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

  validation {
    condition     = var.bucket_project == null || can(regex("^(?:(?:[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?:)?[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?|[0-9]{1,19})$", var.bucket_project))
    error_message = "A project goes by its id, its number, or its id with a domain: my-project-123, 123456789, example.com:my-project."
  }
}

variable "billing_project" {
  description = "Project that pays for requests to a bucket with requester-pays (MM_BILLING_PROJECT); both accounts may name it."
  type        = string
  default     = null

  validation {
    condition     = var.billing_project == null || can(regex("^(?:(?:[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?:)?[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?|[0-9]{1,19})$", var.billing_project))
    error_message = "A project goes by its id, its number, or its id with a domain: my-project-123, 123456789, example.com:my-project."
  }
}

variable "location" {
  description = "Where the bucket stores its bytes, such as EUROPE-WEST1; needed to make it."
  type        = string
  default     = null
}

variable "topic" {
  description = "Name of the topic of the bucket's notifications, without its project."
  type        = string
  default     = "models"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9._~+%-]{2,254}$", var.topic))
    error_message = "The topic's name alone; its project goes into topic_project."
  }
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
