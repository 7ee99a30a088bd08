"""A Docker engine and the base images for machines that reach Debian's packages and PyPI, but no container registry.

Nothing here is needed where `docker pull python:3.11-slim-bookworm` works. It uses the standard library alone, so that
it runs before anything of this project is installed.
"""
