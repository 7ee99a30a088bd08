"""What `doctor` checks, as functions from what was seen to findings."""
