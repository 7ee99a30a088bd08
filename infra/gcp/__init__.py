"""Google Cloud: a Terraform module for what model.manager needs there, and what that costs (docs/google-cloud.md)."""
