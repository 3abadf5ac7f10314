#!/bin/sh
# zeep 4.3.3: a boolean that is given as text is true unless the text is "false" or "0".
#
# Expected: "False", "FALSE", "no" or " false " raise an error, or mean false.
# Behaviour: each is sent as true, without a word. A delete flag that was read from a file or a form
# ("False", "nej") becomes a delete.
# Remedy: give zeep a bool, never a text.
# Output seen: the text that expect is given, below.
. "$(dirname "$0")/common.sh"
packages zeep==4.3.3
"$python" - "$here/files/order.wsdl" <<'PYTHON' | expect "False (bool) -> false
'false' -> false
'0' -> false
'False' -> true
'FALSE' -> true
'no' -> true
' false ' -> true"
import sys
import zeep
client = zeep.Client(sys.argv[1])
for value in (False, "false", "0", "False", "FALSE", "no", " false "):
    message = client.create_message(client.service, "Order", cancelled=value)
    sent = message.find(".//{urn:example:order}cancelled").text
    print(f"{value!r}{' (bool)' if value is False else ''} -> {sent}")
PYTHON
