#!/usr/bin/env python3
"""moto's S3, one request at a time.

moto looks whether an object is there and writes it in two steps, so two requests that create one object at once may both
succeed. `plan` refuses such a store (`store-races`), as it should; S3 itself keeps the promise.
As a program: the port to listen on.
"""

import logging
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


class OneAtATime:
    def __init__(self, app):
        self.app = app
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        with self.lock:
            return list(self.app(environ, start_response))


def server(port=0):
    """A server on loopback that is not started; port 0 takes a free one."""
    # Every request would be a line.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = OneAtATime(DomainDispatcherApplication(create_backend_app))
    return make_server("127.0.0.1", port, app, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    server(int(sys.argv[1])).serve_forever()
