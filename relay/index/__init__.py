"""The Engagemangsindex: our side of the contract Update 1.0, from posts to a verdict.

- `message`: posts → the bytes of one SOAP call. Pure
- `verdict`: what came back → what it means for the posts. Pure
- `endpoint`: where an index is, and how it is called
- `soap`: the WSDL, through zeep: the reference message, and the answer read
- `certificate`: when a certificate is valid
- `tls`: certificate files → a TLS context; TLS errors → words
- `connection`: one call on one socket: its deadline, and its first byte
- `transport`: the call over HTTP
- `client`: all of it together: what the rest of the relay uses
"""
