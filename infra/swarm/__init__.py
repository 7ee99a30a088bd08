"""model.manager on Docker Swarm: the stack, the tool that deploys it, and a small swarm on one machine to try it on.

It uses the standard library and the `docker` command alone, so that it runs on a swarm's manager as it is.
"""
