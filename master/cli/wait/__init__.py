"""What `wait` waits for: the goal, whether it can still come true, and the waiting itself."""
