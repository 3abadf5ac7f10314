"""The Engagemangsindex: our side of the contract Update 1.0, from posts to a verdict.

message     posts → the bytes of one SOAP call                     pure
verdict     what came back → what it means for the posts           pure
soap        the WSDL, through zeep: the reference message, the answer read
tls         certificate files → a TLS context, TLS errors → words
connection  one call on one socket: its deadline, and its first byte
transport   the call over HTTP
client      all of it together: what the rest of the relay uses
"""
