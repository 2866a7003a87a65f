#!/usr/bin/env python3
"""An object store in memory, for tests: `emulator.py PORT google|ceph [FAULTS]`.

`google` speaks the XML interface of Google's storage, and hands out the token of an instance; `ceph` speaks S3 in the manner
of Ceph's gateway: it refuses a quoted ETag in `If-Match`, and answers 409 to one of two writers at the same time. FAULTS is
the share of requests that meet a fault: reset before or after they are carried out, carried out twice, refused with 503, or
answered late. Every bucket exists. Google's lists come in pages of 100.
"""

import hashlib
import json
import random
import socket
import struct
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PAGES = {"google": 100, "ceph": 1000}
TOKEN = "instance-token"


class Store:
    def __init__(self, longest):
        self.longest = longest
        self.objects, self.lock, self.writing, self.generation = {}, threading.Lock(), set(), 0

    def create(self, path, body, only_if_absent, race):
        """The status of a write, and the object's place in the order of all writes."""
        with self.lock:
            if path in self.writing and only_if_absent:
                return 409, 0
            if path in self.objects and only_if_absent:
                return 412, 0
            self.writing.add(path)
        if race:
            time.sleep(0.02)
        with self.lock:
            self.writing.discard(path)
            if path in self.objects and only_if_absent:
                return 412, 0
            self.generation += 1
            self.objects[path] = (body, self.generation, time.time())
            return 200, self.generation

    def page(self, bucket, query):
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = max(query.get("start-after", ""), query.get("continuation-token", ""))
        with self.lock:
            keys = sorted(path[1] for path in self.objects if path[0] == bucket)
            found, folders, last = [], [], ""
            for key in (key for key in keys if key.startswith(prefix) and key > after):
                folder = key[: key.find(delimiter, len(prefix)) + 1] if delimiter and delimiter in key[len(prefix) :] else ""
                if folder and (folder in folders or folder <= after):
                    continue
                if len(found) + len(folders) == min(self.longest, int(query.get("max-keys", self.longest))):
                    return found, folders, last
                if folder:
                    folders.append(folder)
                    last = folder + "\uffff"
                else:
                    found.append((key, *self.objects[bucket, key]))
                    last = key
            return found, folders, ""


def tag(body):
    return '"%s"' % hashlib.md5(body).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code):
        self.answer(status, b"<Error><Code>%s</Code><Message>refused</Message></Error>" % code.encode())

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def handle_any(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        if url.path.startswith("/computeMetadata/"):
            token = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
            return self.answer(200, json.dumps(token).encode(), Content_Type="application/json")
        allowed = "Bearer " + TOKEN if server.google else "AWS4-HMAC-SHA256 "
        if not (self.headers.get("Authorization") or "").startswith(allowed):
            return self.refuse(401 if server.google else 403, "AccessDenied")
        fault = server.dice.choice(FAULTS) if server.dice.random() < server.faults else None
        if fault == "never":
            return self.reset()
        if fault == "busy":
            return self.refuse(503, "SlowDown")
        if fault == "twice":
            self.carry_out(url, body)
        reply = self.carry_out(url, body)
        if fault == "lost":
            return self.reset()
        if fault == "late":
            time.sleep(server.dice.uniform(0.1, 1.5))
        return reply()

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = handle_any

    def carry_out(self, url, body):
        """Carries the request out; gives what sends its answer."""
        server = self.server
        store, google = server.store, server.google
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        path = (bucket, key)
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        if not key:
            return lambda page=store.page(bucket, query): self.listed(page)
        if self.command == "PUT":
            absent = self.headers.get("x-goog-if-generation-match" if google else "If-None-Match")
            if not google and '"' in (self.headers.get("If-Match") or ""):
                return lambda: self.refuse(412, "PreconditionFailed")
            status, generation = store.create(path, body, absent in ("0", "*"), race=not google)
            if status == 200:
                headers = {"ETag": tag(body)} | ({"x_goog_generation": generation} if google else {})
                return lambda: self.answer(200, **headers)
            code = {409: "ConditionalRequestConflict", 412: "PreconditionFailed"}[status]
            return lambda: self.refuse(status, code)
        with store.lock:
            found = store.objects.pop(path, None) if self.command == "DELETE" else store.objects.get(path)
        if self.command == "DELETE":
            return lambda: self.answer(204) if found or not google else self.refuse(404, "NoSuchKey")
        if not found:
            return lambda: self.refuse(404, "NoSuchKey")
        headers = {"ETag": tag(found[0]), "Last_Modified": formatdate(found[2], usegmt=True)}
        headers |= {"x_goog_generation": found[1]} if google else {}
        return lambda: self.answer(200, found[0], **headers)

    def listed(self, page):
        found, folders, last = page
        moment = lambda at: time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))
        text = '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        text += "<IsTruncated>%s</IsTruncated>" % str(bool(last)).lower()
        if last:
            text += "<NextContinuationToken>%s</NextContinuationToken>" % escape(last)
        for key, body, _, at in found:
            parts = (escape(key), moment(at), escape(tag(body)), len(body))
            text += "<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>%s</ETag><Size>%d</Size></Contents>" % parts
        for folder in folders:
            text += "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>" % escape(folder)
        self.answer(200, (text + "</ListBucketResult>").encode(), Content_Type="application/xml")


FAULTS = ["never", "lost", "lost", "twice", "busy", "late"]

if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.store, server.google = Store(PAGES[sys.argv[2]]), sys.argv[2] == "google"
    server.faults, server.dice = float(sys.argv[3]) if len(sys.argv) > 3 else 0, random.Random(1)
    server.serve_forever()
