#!/bin/sh
# zeep 4.3.3 (requests 2.32.5): a call that is answered with a redirect ends as a success, and was never made.
#
# Expected: 302 is an error of a SOAP call, or the POST is repeated at the new address.
# Behaviour: the call is repeated as a GET without its message; whatever well-formed answer that gives is returned as
# the call's own. A service behind a log-in page or a moved address loses every message, and says OK.
# Remedy: a requests session whose post() is told allow_redirects=False (a zeep Transport of one's own).
# Output seen: the text that expect is given, below.
. "$(dirname "$0")/common.sh"
packages zeep==4.3.3 requests==2.32.5
"$python" - "$here/files/order.wsdl" <<'PYTHON' | expect "POST /order with a message -> 302
GET /moved without a message -> 200
the caller got: OK"
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
import zeep
ANSWER = (b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
          b'<OrderResponse xmlns="urn:example:order"><code>OK</code></OrderResponse></s:Body></s:Envelope>')
class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        print(f"POST {self.path} with a message -> 302", flush=True)
        self.send_response(302)
        self.send_header("Location", "/moved")
        self.send_header("Content-Length", "0")
        self.end_headers()
    def do_GET(self):
        print(f"GET {self.path} without a message -> 200", flush=True)
        self.send_response(200)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)
    def log_message(self, *_):
        pass
server = HTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = zeep.Client(sys.argv[1])
service = client.create_service("{urn:example:order}Binding", f"http://127.0.0.1:{server.server_port}/order")
print("the caller got:", service.Order(cancelled=False)["code"])
PYTHON
