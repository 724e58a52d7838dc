"""The hub's API: REST with an OpenAPI document, and events as they happen; for the hub's own page and everybody's programs.

::

    server  ->  app  ->  gate (who, from where, how much)  ->  routes: devices history control records live state
                                                               with asked (parameters), models and replies (bodies), problems, desk

What the hub does is none of this package's business: routes ask keepers and store, and say what they said.
"""

from indevolt.hub.api.app import create_app, openapi_document
from indevolt.hub.api.server import serve_api, served

__all__ = ["create_app", "openapi_document", "serve_api", "served"]
