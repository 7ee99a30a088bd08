"""A swarm of several nodes on one machine, for rehearsals and tests."""
