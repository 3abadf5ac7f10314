#!/bin/sh
# zeep 4.3.3, Settings(strict=False): an answer that was cut in half is read as a whole one.
#
# Expected: strict=False forgives elements in the wrong order or missing ones. XML that ends in the middle is an error.
# Behaviour: the parser closes what is open and zeep returns what was there: a value cut short, or None. A gateway that
# breaks off an answer under status 200 turns "the rest was not stored" into "the rest", and nobody is told.
# The default, strict=True, raises TransportError.
# Remedy: leave strict on; where a service needs it off, parse the answer strictly before zeep sees it.
# Output seen: the text that expect is given, below.
. "$(dirname "$0")/common.sh"
packages zeep==4.3.3
"$python" - "$here/files/order.wsdl" <<'PYTHON' | expect "strict=True, whole: code 'OK', comment 'half of it was stored'
strict=True, cut in the comment: TransportError
strict=True, cut in the code: TransportError
strict=False, whole: code 'OK', comment 'half of it was stored'
strict=False, cut in the comment: code 'OK', comment 'half of it'
strict=False, cut in the code: code 'O', comment None"
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import zeep

WHOLE = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><OrderResponse xmlns="urn:example:order">'
    b"<code>OK</code><comment>half of it was stored</comment></OrderResponse></s:Body></s:Envelope>"
)
ANSWERS = {
    "whole": WHOLE,
    "cut in the comment": WHOLE[: WHOLE.index(b" was stored")],
    "cut in the code": WHOLE[: WHOLE.index(b"K</code>")],
}
answer = b""


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


server = HTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
for strict in (True, False):
    client = zeep.Client(sys.argv[1], settings=zeep.Settings(strict=strict))
    service = client.create_service("{urn:example:order}Binding", f"http://127.0.0.1:{server.server_port}/")
    for name, answer in ANSWERS.items():
        try:
            said = service.Order(cancelled=False)
            print(f"{strict=}, {name}: code {said.code!r}, comment {said.comment!r}")
        except zeep.exceptions.TransportError as error:
            print(f"{strict=}, {name}: {type(error).__name__}")
PYTHON
