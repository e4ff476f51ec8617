"""The archive as pages for a browser: read only, for this machine alone unless told, nothing fetched from elsewhere."""

from collect.serve.app import create_app

__all__ = ["create_app"]
